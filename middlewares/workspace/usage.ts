import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from './root.ts'

/** What is really on the disk below a workspace, whoever wrote it. */
export interface WorkspaceUsage {
  readonly files: number
  /** The sum of the files' lengths. */
  readonly bytes: number
}

/** Adds up the files below a directory; what vanishes meanwhile does not count. */
export const measure = async (directory: string): Promise<WorkspaceUsage> => {
  let files = 0
  let bytes = 0
  const directories = [directory]
  for (let next = directories.pop(); next !== undefined; next = directories.pop()) {
    for (const entry of await present(readdir(next, { withFileTypes: true }), [])) {
      const path = join(next, entry.name)
      if (entry.isDirectory()) directories.push(path)
      else {
        files += 1
        bytes += (await present(lstat(path), undefined))?.size ?? 0
      }
    }
  }
  return { files, bytes }
}

const present = async <T, A>(reading: Promise<T>, absent: A): Promise<T | A> => {
  try {
    return await reading
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return absent
    throw error
  }
}
