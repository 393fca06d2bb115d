import { lstatSync, mkdirSync, readdirSync, type Stats, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { WorkspaceRootError } from './errors.ts'

const worldWritable = 0o002
const sticky = 0o1000

/**
 * Creates a directory that holds workspaces, or makes sure that nobody else can have prepared it.
 *
 * @throws {@link WorkspaceRootError}
 */
export const prepareRoot = (root: string): void => {
  let stats: Stats
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    stats = lstatSync(root)
  } catch (cause) {
    if (isFull(cause)) throw cause
    throw new WorkspaceRootError(root, "can't be created", { cause })
  }
  requireTrust(root, stats)
}

/** Whether there is a root that `prepareRoot` would take. */
export const isTrustedRoot = (root: string): boolean => {
  try {
    requireTrust(root, lstatSync(root))
    return true
  } catch {
    return false
  }
}

const requireTrust = (root: string, stats: Stats): void => {
  const refuse = (problem: string): never => {
    throw new WorkspaceRootError(root, problem)
  }
  if (stats.isSymbolicLink()) refuse('is a symbolic link')
  if (!stats.isDirectory()) refuse('is not a directory')
  if (process.geteuid !== undefined && stats.uid !== process.geteuid())
    refuse(`belongs to another user (uid ${stats.uid})`)
  if ((stats.mode & worldWritable) !== 0 && (stats.mode & sticky) === 0)
    refuse(`can be written by everybody and has no sticky bit (mode ${(stats.mode & 0o7777).toString(8)})`)
}

/** The names in the root; none if there is no root. */
export const namesIn = (root: string): string[] => {
  try {
    return readdirSync(root)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}

/** The free bytes of the disk that a path is on, or would be. */
export const freeBytes = (path: string): number => {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    return freeBytes(dirname(path))
  }
}

export const hasCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException | null)?.code ?? '')

/** Whether a file system call failed for want of room. */
export const isFull = (error: unknown): boolean => hasCode(error, 'ENOSPC', 'EDQUOT')
