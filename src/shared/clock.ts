import { hrtime } from 'node:process'

/** Milliseconds on the one clock that all threads of a process read alike, and that nobody sets. */
export const monotonicTime = (): number => Number(hrtime.bigint()) / 1e6
