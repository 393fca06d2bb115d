import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** When a process started, as far as the system tells: tells it from a later one with the same id. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const isRunning = (pid: number, start: string): boolean => {
  const found = startOf(pid)
  if (found !== undefined) return found === start
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code

/** Creates a directory; `false` if it exists. */
const create = (path: string): boolean => {
  try {
    mkdirSync(path, 0o700)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

/**
 * The directory of all processes of this user. Nothing but the kernel decides which of several threads is first, and
 * creating a directory is how to ask it.
 *
 * @throws if it can't be had, or somebody else may write to it.
 */
const sharedDirectory = (): string => {
  const path = join(tmpdir(), `middy-managed-instances.flights.${process.geteuid?.() ?? 'user'}`)
  create(path)
  const stats = lstatSync(path)
  const isOurs = process.geteuid === undefined || (stats.uid === process.geteuid() && (stats.mode & 0o077) === 0)
  if (!stats.isDirectory() || !isOurs) throw new Error(`${path} is not a directory that belongs to this user alone.`)
  return path
}

const removeLeftovers = (directory: string): void => {
  for (const name of readdirSync(directory)) {
    const [, pid, start] = /^(\d+)-(\w+)$/.exec(name) ?? []
    if (pid === undefined || start === undefined || isRunning(Number(pid), start)) continue
    rmSync(join(directory, name), { recursive: true, force: true })
  }
}

/** Decides who founds the groups of one topic in this process, by empty directories named by topic and number. */
export class Founding {
  readonly #prefix: string

  constructor(topic: string) {
    this.#prefix = `${createHash('sha256').update(topic).digest('hex').slice(0, 32)}.`
  }

  /** The number of the last group that was founded; 0 if none was. @throws if the directory can't be used. */
  latest(): number {
    const numbers = readdirSync(this.#directory())
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => Number(name.slice(this.#prefix.length)))
    return Math.max(0, ...numbers)
  }

  /** Whether the caller is the one to found the group of this number. @throws if the directory can't be used. */
  found(number: number): boolean {
    return create(join(this.#directory(), this.#prefix + number))
  }

  #directory(): string {
    const shared = sharedDirectory()
    const path = join(shared, `${process.pid}-${startOf(process.pid) ?? 'unknown'}`)
    if (create(path)) removeLeftovers(shared)
    return path
  }
}
