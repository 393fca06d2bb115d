import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { hasCode } from './root.ts'

/** More than this is deleted in the background: 1,000 files take 20 ms, and every request of the worker would wait. */
const smallEntries = 32
const smallBytes = 16 * 1024 * 1024

/** How many deletions may wait before whoever adds one has to wait for it. */
const backlogLimit = 64

interface Survey {
  readonly files: string[]
  /** Parents before children. */
  readonly directories: string[]
  bytes: number
}

/** Lists what is under these names of a directory; `undefined` if that is too much to be deleted at once. */
const surveySmall = (path: string, names: readonly string[]): Survey | undefined => {
  const survey: Survey = { files: [], directories: [], bytes: 0 }
  const isSmallWith = (directory: string, entries: readonly string[]): boolean =>
    entries.every((name) => {
      const entry = directory + sep + name
      const stat = lstatSync(entry, { throwIfNoEntry: false })
      if (stat?.isDirectory()) survey.directories.push(entry)
      else if (stat !== undefined) {
        survey.files.push(entry)
        survey.bytes += stat.size
      }
      return survey.files.length + survey.directories.length < smallEntries && survey.bytes <= smallBytes
    })
  if (!isSmallWith(path, names)) return undefined
  for (const directory of survey.directories) if (!isSmallWith(directory, readdirSync(directory))) return undefined
  return survey
}

/**
 * Deletes at once what is in a small directory and returns how many bytes its files had; `undefined` if it is not small,
 * or if something was taken from it meanwhile.
 *
 * @param names - of what is likely to be all there is in it, so that it need not be listed; none to list it.
 */
export const emptySmall = (path: string, names: readonly string[]): number | undefined => {
  try {
    // What a link points at is somebody else's.
    if (!lstatSync(path).isDirectory()) return undefined
    const survey = surveySmall(path, names.length > 0 ? names : readdirSync(path))
    if (survey === undefined) return undefined
    for (const file of survey.files) unlinkSync(file)
    for (const directory of survey.directories.reverse()) rmdirSync(directory)
    return survey.bytes
  } catch {
    return undefined
  }
}

/** The same, and then deletes the directory itself: `undefined` also if there is still something in it. */
export const removeSmall = (path: string, names: readonly string[]): number | undefined => {
  const bytes = emptySmall(path, names)
  try {
    if (bytes !== undefined) rmdirSync(path)
    return bytes
  } catch {
    return undefined
  }
}

const removeTree = async (path: string): Promise<void> => {
  const options = { recursive: true, force: true, maxRetries: 3 }
  try {
    await rm(path, options)
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM')) throw error
    await openDirectories(path)
    await rm(path, options)
  }
}

/** Lets us into directories that an unpacked archive has closed. */
const openDirectories = async (path: string): Promise<void> => {
  if (!(await lstat(path)).isDirectory()) return
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openDirectories(join(path, entry.name))
}

/**
 * Deletes directories in the background, one after the other: the few threads that do it serve every worker of the
 * process.
 */
export class RemovalQueue {
  readonly #paths = new Set<string>()
  #last: Promise<void> = Promise.resolve()

  has(path: string): boolean {
    return this.#paths.has(path)
  }

  get isFull(): boolean {
    return this.#paths.size > backlogLimit
  }

  /** Deletes a directory after those added before it. Settles when it is gone. */
  async add(path: string): Promise<void> {
    this.#paths.add(path)
    const removal = this.#last.then(() => removeTree(path))
    this.#last = removal.catch(() => {})
    try {
      await removal
    } finally {
      this.#paths.delete(path)
    }
  }
}
