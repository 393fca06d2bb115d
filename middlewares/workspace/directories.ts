import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { basename, dirname, sep } from 'node:path'
import { setImmediate, setInterval } from 'node:timers'
import { threadId } from 'node:worker_threads'
import { runInBackground } from '../../src/scope/background.ts'
import { keptName, parseDirectoryName, trashName, workspaceName } from './directory-name.ts'
import { WorkspaceFullError } from './errors.ts'
import { laneOf, pathsIn } from './lane.ts'
import { emptySmall, RemovalQueue, removeSmall } from './removal.ts'
import { freeBytes, hasCode, isFull, prepareRoot } from './root.ts'
import { measure } from './usage.ts'

const shortestSweepInterval = 1_000
const longestSweepInterval = 30_000

/**
 * With more than so many workspaces in a worker, a thread deletes the directory itself, which takes longer than all else
 * of a deletion; with fewer, handing it over does.
 */
const fewWorkspaces = 8

/** A deletion that goes on. */
export interface Removal {
  readonly done: Promise<void>
  /** Whether nobody should have to wait for it. */
  readonly isLong: boolean
}

/**
 * The workspaces of this worker below one root, which it shares with the other workers. It knows nothing of theirs: the
 * deadline in a directory's name tells everybody when it is nobody's any more, and renaming it is how one claims it.
 */
export class WorkspaceDirectories {
  readonly #root: string
  readonly #lane: string
  #prepared = false
  #sweeping = false
  #grace = 0
  #warned = false
  /** From their creation to their deletion, or until they are renamed. */
  readonly #live = new Set<string>()
  /** Workspaces of handlers that outlived their request, and their deadlines: a late `mkdir` may bring one back. */
  readonly #abandoned = new Map<string, number>()
  readonly #removals = new RemovalQueue()

  /** @param root - an absolute path without a separator at its end. */
  constructor(root: string) {
    this.#root = root
    this.#lane = laneOf(root, threadId)
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
   * Creates a workspace and returns its path.
   *
   * @throws {@link WorkspaceRootError} for a root that can't be trusted, {@link WorkspaceFullError} if there is no room.
   */
  create(deadline: number, minFreeBytes: number): string {
    if (minFreeBytes > 0) this.#requireFree(minFreeBytes)
    const path = this.#lane + sep + workspaceName(deadline)
    this.withRoom(() => this.#make(path))
    this.#live.add(path)
    return path
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
  keep(path: string): string {
    this.#live.delete(path)
    this.#abandon(path)
    const kept = this.#lane + sep + keptName(basename(path))
    renameSync(path, kept)
    return kept
  }

  /**
   * Takes a workspace out of use and deletes it: at once if it is small, else in the background.
   *
   * @param inUse - whether a handler may still be writing: then it is renamed out of its reach first.
   * @param names - of what is likely to be all there is in it, if they are known.
   * @param inspect - told how many bytes were in it.
   * @returns the deletion, if it goes on.
   */
  remove(
    path: string,
    inUse: boolean,
    names: readonly string[],
    inspect?: (bytes: number) => void,
  ): Removal | undefined {
    if (inUse) this.#abandon(path)
    else {
      const expected = inspect === undefined ? names : []
      const aside = this.#live.size > fewWorkspaces
      const bytes = aside ? emptySmall(path, expected) : removeSmall(path, expected)
      if (bytes !== undefined) {
        if (aside) return { isLong: false, done: this.#removeEmpty(path, bytes, inspect) }
        this.#live.delete(path)
        inspect?.(bytes)
        return undefined
      }
    }
    const done = this.#discard(path, inspect)
    return done && { isLong: true, done }
  }

  /** Whether so many deletions wait that whoever adds one should wait too. */
  get hasBacklog(): boolean {
    return this.#removals.isFull
  }

  /** Deletes what nobody uses any more: workspaces past deadline and grace, and deletions that were given up. */
  sweep(): void {
    const now = Date.now()
    let failure: unknown
    for (const path of this.#expired(now))
      attempt(
        () => this.#discard(path),
        (error) => {
          failure = error
        },
      )
    for (const [path, deadline] of this.#abandoned) if (now > deadline + this.#grace) this.#abandoned.delete(path)
    if (failure !== undefined) throw failure
  }

  /** Sweeps and finishes every deletion that waits, before it returns. */
  makeRoom(): void {
    attempt(() => {
      for (const path of this.#expired(Date.now())) attempt(() => this.#moveToTrash(path))
      for (const path of pathsIn(this.#root))
        if (parseDirectoryName(basename(path))?.kind === 'trash')
          attempt(() => rmSync(path, { recursive: true, force: true }))
    })
  }

  #make(path: string): void {
    try {
      if (!this.#prepared) this.#prepare()
      mkdirSync(path, 0o700)
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      this.#prepare()
      mkdirSync(path, 0o700)
    }
  }

  #prepare(): void {
    prepareRoot(this.#root)
    prepareRoot(this.#lane)
    this.#prepared = true
  }

  #requireFree(minFreeBytes: number): void {
    if (freeBytes(this.#root) >= minFreeBytes) return
    this.makeRoom()
    const found = freeBytes(this.#root)
    if (found < minFreeBytes) throw new WorkspaceFullError({ limit: 'minFreeBytes', allowed: minFreeBytes, found })
  }

  #abandon(path: string): void {
    this.#abandoned.set(path, parseDirectoryName(basename(path))?.expires ?? 0)
  }

  #expired(now: number): string[] {
    return pathsIn(this.#root).filter((path) => this.#isExpired(path, now))
  }

  #isExpired(path: string, now: number): boolean {
    const directory = parseDirectoryName(basename(path))
    if (directory === undefined) return false
    if (directory.kind === 'trash') return now > directory.expires && !this.#removals.has(path)
    return this.#abandoned.has(path) || (now > directory.expires + this.#grace && !this.#live.has(path))
  }

  /** Claims a directory by renaming it; `undefined` if another sweeper was faster. */
  #moveToTrash(path: string): string | undefined {
    const trash = dirname(path) + sep + trashName()
    try {
      renameSync(path, trash)
      return trash
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  #discard(path: string, inspect?: (bytes: number) => void): Promise<void> | undefined {
    this.#live.delete(path)
    const trash = this.#moveToTrash(path)
    if (trash === undefined) return undefined
    const bytes = removeSmall(trash, [])
    if (bytes !== undefined) {
      inspect?.(bytes)
      return undefined
    }
    const removal = this.#removeLarge(trash, inspect)
    runInBackground('workspace removal', removal)
    return removal
  }

  async #removeEmpty(path: string, bytes: number, inspect?: (bytes: number) => void): Promise<void> {
    try {
      await rmdir(path)
    } catch {
      // It is not, after all.
      return this.#discard(path, inspect)
    }
    this.#live.delete(path)
    inspect?.(bytes)
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
