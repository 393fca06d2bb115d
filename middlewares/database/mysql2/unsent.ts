import type { Command, CoreConnection } from './internals.ts'

/** Fails what a connection has not sent, and never sends it. */
export const failUnsent = ({ _commands: unsent }: CoreConnection, error: Error): void => {
  const [first, ...others] = drained(unsent)
  if (first !== undefined && isBeingPrepared(first)) {
    // If its preparation fails, it is told of that, and has a `start` that does nothing.
    first.start = () => {
      fail(first, error)
      return null
    }
    unsent.push(first)
  } else if (first !== undefined) fail(first, error)
  // Where the preparation has failed that was before it, it has been told.
  for (const command of others) if (!Object.hasOwn(command, 'start')) fail(command, error)
}

const drained = (commands: CoreConnection['_commands']): Command[] => {
  const all: Command[] = []
  for (let command = commands.shift(); command !== undefined; command = commands.shift()) all.push(command)
  return all
}

/** Whether it is to be executed when its preparation has ended, which nothing was before. */
const isBeingPrepared = (command: Command): boolean => 'statement' in command && command.statement === undefined

const fail = (command: Command, error: Error): void => {
  if (command.onResult !== undefined) command.onResult(error)
  else if (command.listenerCount('error') > 0) command.emit('error', error)
}
