const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** Ctrl-C or SIGTERM, as the reason of an aborted signal. */
export class Interruption extends Error {
  readonly exitCode: number
  constructor(name: keyof typeof exitCodes) {
    super(`ended by ${name}`)
    this.exitCode = exitCodes[name]
  }
}

/**
 * Aborts at the first SIGINT or SIGTERM. At the second one the process ends at once: the environment notices, removes its temporary
 * directory and kills itself.
 */
export function watchInterruptions(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  function interrupt(name: NodeJS.Signals): void {
    const interruption = new Interruption(name as keyof typeof exitCodes)
    if (controller.signal.aborted) process.exit(interruption.exitCode)
    controller.abort(interruption)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}
