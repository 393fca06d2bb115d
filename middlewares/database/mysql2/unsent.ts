import { type Command, type CoreConnection, isClosed } from './internals.ts'

/** Fails what a connection has not sent, and never sends it. */
export const failUnsent = (core: CoreConnection, error: Error): void => {
  const { _commands: unsent } = core
  const all = drained(unsent)
  // What ends it, which is no query.
  const last = isClosed(core) ? all.pop() : undefined
  const [first, ...others] = all
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
  if (last !== undefined) unsent.push(last)
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
