/** One for each: a promise keeps those who await it. */
const never = (): Promise<never> => new Promise(() => {})

/**
 * Runs a callback of which postgres.js acts upon the end, whichever way it ends. On a lost connection it would write to a
 * socket that is not there, which throws where nobody can catch it and ends the worker; so it gets no end. Whoever waits
 * for the query or transaction has been told by then.
 */
export const unlessLost = async <R>(isLost: () => boolean, work: () => R): Promise<Awaited<R>> => {
  try {
    const result = await work()
    return isLost() ? await never() : result
  } catch (error) {
    if (isLost()) return await never()
    throw error
  }
}
