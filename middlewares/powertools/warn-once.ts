const given = new Set<string>()

/** Warns of something in this worker, the first time. */
export const warnOnce = (message: string): void => {
  if (given.has(message)) return
  given.add(message)
  process.emitWarning(message, 'ManagedInstancesWarning')
}
