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

/** Lists a directory that is small enough to be deleted at once; `undefined` for a larger one. */
const surveySmall = (path: string): Survey | undefined => {
  // What it points at is somebody else's.
  if (!lstatSync(path).isDirectory()) return undefined
  const survey: Survey = { files: [], directories: [path], bytes: 0 }
  for (let index = 0; index < survey.directories.length; index++) {
    const directory = survey.directories[index] as string
    for (const name of readdirSync(directory)) {
      const entry = directory + sep + name
      const stat = lstatSync(entry)
      if (stat.isDirectory()) survey.directories.push(entry)
      else {
        survey.files.push(entry)
        survey.bytes += stat.size
      }
      if (survey.files.length + survey.directories.length > smallEntries || survey.bytes > smallBytes) return undefined
    }
  }
  return survey
}

/**
 * Deletes a small directory at once and returns how many bytes its files had; `undefined` if it is not small, or if
 * something was added to it or taken from it meanwhile.
 */
export const removeSmall = (path: string): number | undefined => {
  try {
    const survey = surveySmall(path)
    if (survey === undefined) return undefined
    for (const file of survey.files) unlinkSync(file)
    for (const directory of survey.directories.reverse()) rmdirSync(directory)
    return survey.bytes
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
