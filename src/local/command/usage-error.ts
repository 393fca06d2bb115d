/** The command was called in a way it does not understand. */
export class UsageError extends Error {
  readonly command: string
  constructor(command: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.command = command
  }
}
