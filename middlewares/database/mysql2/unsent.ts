import type { Command, CoreConnection } from './internals.ts'

/** Has nothing more sent: each command fails when its turn comes. One whose preparation fails has been told by then. */
export const failUnsent = ({ _commands: unsent }: CoreConnection, error: Error): void => {
  for (let index = 0; index < unsent.length; index++) failInTurn(unsent.get(index), error)
}

const failInTurn = (command: Command, error: Error): void => {
  command.start = () => {
    if (command.onResult !== undefined) command.onResult(error)
    else if (command.listenerCount('error') > 0) command.emit('error', error)
    return null
  }
}
