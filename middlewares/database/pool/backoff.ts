const base = 25
const longest = 400

/** Milliseconds to wait after so many failed attempts: at random up to a limit that doubles, so that workers don't meet. */
export const backoff = (attempts: number): number => base + Math.random() * Math.min(longest, base * 2 ** attempts)
