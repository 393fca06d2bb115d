import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { sep } from 'node:path'
import { setImmediate, setInterval } from 'node:timers'
import { runInBackground } from '../../src/scope/background.ts'
import { keptName, parseDirectoryName, trashName, workspaceName } from './directory-name.ts'
import { WorkspaceFullError } from './errors.ts'
import { RemovalQueue, removeSmall } from './removal.ts'
import { freeBytes, hasCode, isFull, isTrustedRoot, namesIn, prepareRoot } from './root.ts'
import { measure } from './usage.ts'

const shortestSweepInterval = 1_000
const longestSweepInterval = 30_000

/**
 * The workspaces of this worker below one root, which it shares with the other workers. It knows nothing of theirs: the
 * deadline in a directory's name tells everybody when it is nobody's any more, and renaming it is how one claims it.
 */
export class WorkspaceDirectories {
  readonly #root: string
  #prepared = false
  #sweeping = false
  #grace = 0
  #warned = false
  readonly #live = new Set<string>()
  /** Workspaces of handlers that outlived their request, and their deadlines: a late `mkdir` may bring one back. */
  readonly #abandoned = new Map<string, number>()
  readonly #removals = new RemovalQueue()

  /** @param root - an absolute path without a separator at its end. */
  constructor(root: string) {
    this.#root = root
  }

  /** Sweeps soon and then from time to time. Of several middlewares with one root, the longest grace holds. */
  startSweeping(grace: number): void {
    if (grace > this.#grace) this.#grace = grace
    if (this.#sweeping) return
    this.#sweeping = true
    const interval = Math.min(Math.max(this.#grace, shortestSweepInterval), longestSweepInterval)
    setImmediate(this.#sweepInBackground)
    setInterval(this.#sweepInBackground, interval).unref()
  }

  /**
   * Creates a workspace and returns its name.
   *
   * @throws {@link WorkspaceRootError} for a root that can't be trusted, {@link WorkspaceFullError} if there is no room.
   */
  create(deadline: number, minFreeBytes: number): string {
    if (!this.#prepared) this.#prepare()
    if (minFreeBytes > 0) this.#requireFree(minFreeBytes)
    const name = workspaceName(deadline)
    const path = this.pathOf(name)
    this.withRoom(() => {
      try {
        mkdirSync(path, 0o700)
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error
        this.#prepare()
        mkdirSync(path, 0o700)
      }
    })
    this.#live.add(name)
    return name
  }

  pathOf(name: string): string {
    return this.#root + sep + name
  }

  /** Runs `write`, and once more after making room if the disk is full. @throws {@link WorkspaceFullError} */
  withRoom<T>(write: () => T): T {
    try {
      return write()
    } catch (error) {
      if (!isFull(error)) throw error
      this.makeRoom()
    }
    try {
      return write()
    } catch (error) {
      throw this.explain(error)
    }
  }

  /** A full disk as the error that says so; anything else as it is. */
  explain(error: unknown): unknown {
    if (!isFull(error)) return error
    return new WorkspaceFullError({ limit: 'disk', allowed: 0, found: freeBytes(this.#root) }, { cause: error })
  }

  /** Takes a workspace out of use but leaves it on the disk, and returns where. */
  keep(name: string): string {
    this.#live.delete(name)
    this.#abandoned.set(name, parseDirectoryName(name)?.expires ?? 0)
    const kept = this.pathOf(keptName(name))
    renameSync(this.pathOf(name), kept)
    return kept
  }

  /**
   * Takes a workspace out of use and deletes it: at once if it is small, else in the background.
   *
   * @param inUse - whether a handler may still be writing: then it is renamed out of its reach first.
   * @param inspect - told how many bytes were in it.
   * @returns the deletion, if it goes on in the background.
   */
  remove(name: string, inUse: boolean, inspect?: (bytes: number) => void): Promise<void> | undefined {
    this.#live.delete(name)
    if (inUse) this.#abandoned.set(name, parseDirectoryName(name)?.expires ?? 0)
    else {
      const bytes = removeSmall(this.pathOf(name))
      if (bytes !== undefined) {
        inspect?.(bytes)
        return undefined
      }
    }
    return this.#discard(name, inspect)
  }

  /** Whether so many deletions wait that whoever adds one should wait too. */
  get hasBacklog(): boolean {
    return this.#removals.isFull
  }

  /** Deletes what nobody uses any more: workspaces past deadline and grace, and deletions that were given up. */
  sweep(): void {
    if (!this.#prepared && !isTrustedRoot(this.#root)) return
    const now = Date.now()
    let failure: unknown
    for (const name of this.#expired(now))
      attempt(
        () => this.#discard(name),
        (error) => {
          failure = error
        },
      )
    for (const [name, deadline] of this.#abandoned) if (now > deadline + this.#grace) this.#abandoned.delete(name)
    if (failure !== undefined) throw failure
  }

  /** Sweeps and finishes every deletion that waits, before it returns. */
  makeRoom(): void {
    if (!isTrustedRoot(this.#root)) return
    attempt(() => {
      for (const name of this.#expired(Date.now())) attempt(() => this.#moveToTrash(name))
      for (const name of namesIn(this.#root))
        if (parseDirectoryName(name)?.kind === 'trash')
          attempt(() => rmSync(this.pathOf(name), { recursive: true, force: true }))
    })
  }

  #prepare(): void {
    prepareRoot(this.#root)
    this.#prepared = true
  }

  #requireFree(minFreeBytes: number): void {
    if (freeBytes(this.#root) >= minFreeBytes) return
    this.makeRoom()
    const found = freeBytes(this.#root)
    if (found < minFreeBytes) throw new WorkspaceFullError({ limit: 'minFreeBytes', allowed: minFreeBytes, found })
  }

  #expired(now: number): string[] {
    return namesIn(this.#root).filter((name) => this.#isExpired(name, now))
  }

  #isExpired(name: string, now: number): boolean {
    const directory = parseDirectoryName(name)
    if (directory === undefined) return false
    if (directory.kind === 'trash') return now > directory.expires && !this.#removals.has(this.pathOf(name))
    return this.#abandoned.has(name) || (now > directory.expires + this.#grace && !this.#live.has(name))
  }

  /** Claims a directory by renaming it; `undefined` if another sweeper was faster. */
  #moveToTrash(name: string): string | undefined {
    const trash = this.pathOf(trashName())
    try {
      renameSync(this.pathOf(name), trash)
      return trash
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  #discard(name: string, inspect?: (bytes: number) => void): Promise<void> | undefined {
    const trash = this.#moveToTrash(name)
    if (trash === undefined) return undefined
    const bytes = removeSmall(trash)
    if (bytes !== undefined) {
      inspect?.(bytes)
      return undefined
    }
    const removal = this.#removeLarge(trash, inspect)
    runInBackground('workspace removal', removal)
    return removal
  }

  async #removeLarge(trash: string, inspect?: (bytes: number) => void): Promise<void> {
    if (inspect !== undefined) inspect((await measure(trash)).bytes)
    await this.#removals.add(trash)
  }

  readonly #sweepInBackground = (): void => {
    try {
      this.sweep()
    } catch (error) {
      if (this.#warned) return
      this.#warned = true
      process.emitWarning(
        `workspace(): sweeping ${this.#root} failed and will be tried again: ${error}`,
        'ManagedInstancesWarning',
      )
    }
  }
}

/** One that fails, for example because another worker was faster, must not keep the others. */
const attempt = (action: () => unknown, failed?: (error: unknown) => void): void => {
  try {
    action()
  } catch (error) {
    failed?.(error)
  }
}

const byRoot = new Map<string, WorkspaceDirectories>()

/** This worker's part of a root. */
export const directoriesIn = (root: string): WorkspaceDirectories => {
  const known = byRoot.get(root)
  if (known !== undefined) return known
  const directories = new WorkspaceDirectories(root)
  byRoot.set(root, directories)
  return directories
}
