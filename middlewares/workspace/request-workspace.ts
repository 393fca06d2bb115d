import {
  constants,
  createReadStream,
  createWriteStream,
  type ReadStream,
  type WriteStream,
  writeFileSync,
} from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { RequestEndedError } from '../../src/errors.ts'
import { logLine } from '../../src/log.ts'
import type { Outcome, ReleaseEnding, Scope } from '../../src/scope/scope.ts'
import type { WorkspaceDirectories } from './directories.ts'
import { WorkspaceFullError } from './errors.ts'
import { limitedFileSystem } from './limited-file-system.ts'
import { Quota } from './quota.ts'
import { isFull } from './root.ts'
import { pathOfExisting, pathWithParents, safeParts } from './safe-path.ts'
import { measure, type WorkspaceUsage } from './usage.ts'

// An unpacked archive may have left a symbolic link, which is not followed, or a named pipe, which is not waited for.
const careful = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const writeFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | careful
const readFlags = constants.O_RDONLY | careful
const fileMode = 0o600

/** The names of so many entries are remembered, so that a directory with no others need not be listed. */
const fewEntries = 8

/** So many bytes are written at once: handing them to a thread would take longer, and the workers share four of them. */
const smallWrite = 64 * 1024

/** What a workspace takes from its middleware's options. */
export interface WorkspaceSettings {
  readonly directories: WorkspaceDirectories
  readonly maxBytes: number | undefined
  readonly minFreeBytes: number
  readonly cleanup: 'await' | 'background'
  readonly keepOnError: boolean
}

interface Created {
  readonly kind: 'created'
  readonly path: string
  /** The names in it that were asked for. */
  readonly entries: Set<string>
  readonly quota: Quota | undefined
}

type State = { readonly kind: 'untouched' } | Created | { readonly kind: 'ended'; readonly outcome: Outcome }

const untouched: State = { kind: 'untouched' }

/** The workspace of one request. Nothing exists before something of it is asked for. */
export class RequestWorkspace {
  readonly #scope: Scope
  readonly #settings: WorkspaceSettings
  #state: State = untouched

  constructor(scope: Scope, settings: WorkspaceSettings) {
    this.#scope = scope
    this.#settings = settings
  }

  get path(): string {
    return this.#create().path
  }

  file(...names: string[]): string {
    const parts = safeParts(names)
    const { path, entries } = this.#create()
    if (entries.size <= fewEntries) entries.add(parts[0] as string)
    return this.#settings.directories.withRoom(() => pathWithParents(path, parts, names))
  }

  async write(name: string, data: string | Uint8Array): Promise<string> {
    const file = this.file(name)
    const { quota } = this.#create()
    const bytes = Buffer.byteLength(data)
    const before = quota?.resize(file, bytes)
    const { signal } = this.#scope
    const { directories } = this.#settings
    const options = { flag: writeFlags, mode: fileMode }
    const attempt = async (): Promise<void> => {
      if (bytes > smallWrite || signal.aborted) return writeFile(file, data, { ...options, signal })
      // @ts-expect-error: flags are typed as a string, and taken as a number too
      writeFileSync(file, data, options)
    }
    try {
      await attempt().catch((error: unknown) => {
        if (!isFull(error)) throw error
        directories.makeRoom()
        return attempt()
      })
    } catch (error) {
      quota?.resize(file, before ?? 0)
      throw directories.explain(error)
    }
    return file
  }

  read(name: string): Promise<Buffer>
  read(name: string, encoding: BufferEncoding): Promise<string>
  async read(name: string, encoding?: BufferEncoding): Promise<Buffer | string> {
    return readFile(this.#existing(name), { flag: readFlags, encoding, signal: this.#scope.signal })
  }

  createWriteStream(name: string): WriteStream {
    const file = this.file(name)
    const { quota } = this.#create()
    return createWriteStream(file, {
      // @ts-expect-error: typed as a string, taken as a number too, like everywhere in node:fs
      flags: writeFlags,
      mode: fileMode,
      signal: this.#scope.signal,
      fs: limitedFileSystem((bytes) => quota?.resize(file, bytes), this.#settings.directories),
    })
  }

  createReadStream(name: string): ReadStream {
    // @ts-expect-error: the same
    return createReadStream(this.#existing(name), { flags: readFlags, signal: this.#scope.signal })
  }

  env(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
    const { path } = this
    return { ...base, TMPDIR: path, TMP: path, TEMP: path }
  }

  async usage(): Promise<WorkspaceUsage> {
    if (this.#state.kind === 'untouched' && this.#scope.outcome === undefined) return { files: 0, bytes: 0 }
    return measure(this.path)
  }

  within(scope: Scope): RequestWorkspace {
    return new RequestWorkspace(scope, this.#settings)
  }

  #existing(name: string): string {
    return pathOfExisting(this.path, safeParts([name]), [name])
  }

  #create(): Created {
    switch (this.#state.kind) {
      case 'created':
        return this.#state
      case 'ended':
        throw new RequestEndedError('workspace', this.#state.outcome)
      case 'untouched': {
        const { outcome } = this.#scope
        if (outcome !== undefined) throw new RequestEndedError('workspace', outcome)
        const { directories, maxBytes, minFreeBytes } = this.#settings
        const path = directories.create(this.#scope.deadline, minFreeBytes)
        const quota = maxBytes === undefined ? undefined : new Quota(maxBytes)
        const created: Created = { kind: 'created', path, entries: new Set(), quota }
        this.#state = created
        this.#scope.defer('workspace', (ending) => this.#end(created, ending))
        return created
      }
      default:
        return this.#state satisfies never
    }
  }

  #end({ path, entries }: Created, { outcome, handlerSettled, report }: ReleaseEnding): Promise<void> | undefined {
    this.#state = { kind: 'ended', outcome }
    const { directories, maxBytes, cleanup, keepOnError } = this.#settings
    const { recording } = this.#scope
    if (keepOnError && (outcome === 'threw' || outcome === 'timedOut')) {
      const kept = directories.keep(path)
      logLine('WARN', {
        message: `workspace(): kept ${kept}, because the request ${outcome} and keepOnError is set.`,
        path: kept,
      })
      return recording ? measure(kept).then(({ bytes }) => this.#record(bytes)) : undefined
    }
    const inspected = recording ? Promise.withResolvers<void>() : undefined
    const inspect = (bytes: number): void => {
      if (maxBytes !== undefined && bytes > maxBytes)
        report(new WorkspaceFullError({ limit: 'maxBytes', allowed: maxBytes, found: bytes }))
      if (inspected === undefined) return
      this.#record(bytes)
      inspected.resolve()
    }
    const inUse = !handlerSettled || outcome === 'timedOut'
    const names = entries.size > fewEntries ? [] : [...entries]
    const removal = directories.remove(path, inUse, names, maxBytes === undefined && !recording ? undefined : inspect)
    if (removal === undefined) return undefined
    if (!removal.isLong || cleanup === 'await' || directories.hasBacklog) return removal.done
    const removed = removal.done.catch(report)
    // Whoever listens has to be told before the request is over.
    return inspected && Promise.race([inspected.promise, removed])
  }

  #record(bytes: number): void {
    this.#scope.record({ name: 'WorkspaceBytes', unit: 'Bytes', value: bytes })
  }
}
