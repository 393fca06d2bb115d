import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from './root.ts'

/** What is really on the disk below a workspace, whoever wrote it. */
export interface WorkspaceUsage {
  readonly files: number
  /** The sum of the files' lengths. */
  readonly bytes: number
}

/** So many files are looked at together: one after the other, each would wait for its turn in the event loop. */
const together = 256

/** Adds up the files below a directory; what vanishes meanwhile does not count. */
export const measure = async (directory: string): Promise<WorkspaceUsage> => {
  let files = 0
  let bytes = 0
  const directories = [directory]
  for (let next = directories.pop(); next !== undefined; next = directories.pop()) {
    const paths: string[] = []
    for (const entry of await present(readdir(next, { withFileTypes: true }), []))
      (entry.isDirectory() ? directories : paths).push(join(next, entry.name))
    files += paths.length
    for (let first = 0; first < paths.length; first += together)
      for (const size of await Promise.all(paths.slice(first, first + together).map(sizeOf))) bytes += size
  }
  return { files, bytes }
}

const sizeOf = async (path: string): Promise<number> => (await present(lstat(path), undefined))?.size ?? 0

const present = async <T, A>(reading: Promise<T>, absent: A): Promise<T | A> => {
  try {
    return await reading
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return absent
    throw error
  }
}
