import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const pollInterval = 50

/** Each worker has a folder of its own in a workspace root, which stays. */
const workerFolder = /^w\d+$/

/** Entries of a workspace root; of a worker's folder, what is in it. */
export function listLeftovers(root: string): string[] {
  return list(root).flatMap((name) =>
    workerFolder.test(name) ? list(path.join(root, name)).map((inner) => path.join(name, inner)) : [name],
  )
}

/** Waits until nothing is left beside `known`, at most `bound` milliseconds, and gives what is. */
export async function settleLeftovers(
  root: string,
  known: readonly string[],
  bound: number,
  signal: AbortSignal,
): Promise<string[]> {
  const end = performance.now() + bound
  for (;;) {
    const left = listLeftovers(root).filter((name) => !known.includes(name))
    if (left.length === 0 || performance.now() >= end) return left
    await wait(pollInterval, undefined, { signal })
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR')
      return []
    throw error
  }
}
