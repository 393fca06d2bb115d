import type { ReadStream, WriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { aBoolean, bytes, checkOptions, milliseconds, oneOf, type Rules, text } from '../../src/options.ts'
import { runtime } from '../../src/runtime/environment.ts'
import { type Added, contextMiddleware } from '../../src/scope/middleware.ts'
import type { Scope } from '../../src/scope/scope.ts'
import { directoriesIn } from './directories.ts'
import { RequestWorkspace, type WorkspaceSettings } from './request-workspace.ts'
import type { WorkspaceUsage } from './usage.ts'

/** What `workspace()` takes. */
export interface WorkspaceOptions {
  /**
   * The directory that holds the workspaces of all requests. It is created with mode 0700 when missing; one that is a
   * symbolic link, belongs to another user or can be written by everybody is refused at first use.
   *
   * @defaultValue `middy-managed-instances` in the system's directory for temporary files
   */
  root?: string
  /** The key of the Lambda context under which the handler finds its workspace. @defaultValue 'workspace' */
  contextKey?: string
  /**
   * How many bytes the files of one request may have. Writes through the workspace are refused beyond it; what others
   * wrote is added up at the end and reported to `onReleaseError`. @defaultValue no limit
   */
  maxBytes?: number
  /** How many bytes must be free on the disk for a workspace to be created. @defaultValue 0: not checked */
  minFreeBytes?: number
  /**
   * Whether the answer waits for the deletion of a large workspace (more than 32 entries or 16 MiB); a smaller one is
   * deleted at once, which takes less than a millisecond. @defaultValue 'background' on Managed Instances, else 'await',
   * since the process may freeze after the answer
   */
  cleanup?: 'await' | 'background'
  /** Milliseconds after its deadline that a workspace of a dead worker is left alone by the others. @defaultValue 10000 */
  grace?: number
  /** Keeps the workspace of a request that threw or timed out, and logs where. For debugging. @defaultValue false */
  keepOnError?: boolean
}

/** The temporary files of one request: created when first asked for, gone when the request ends. */
export interface Workspace {
  /**
   * The workspace's own directory, mode 0700. Reading this creates it.
   *
   * @throws {@link WorkspaceFullError}, {@link WorkspaceRootError}, {@link RequestEndedError}
   */
  readonly path: string
  /**
   * The path of a file in the workspace, for code that wants a path. Parents are created, the file is not.
   *
   * @param names - relative names; each may have parts, as in `'a/b.csv'`.
   * @throws {@link WorkspacePathError} for a name that is empty, absolute or too long, has `.` or `..` as a part, or
   *   contains NUL or a backslash.
   */
  file(...names: string[]): string
  /** Writes a file, mode 0600, and resolves to its path; up to 64 KiB at once. Follows no symbolic link. @throws {@link WorkspaceFullError} */
  write(name: string, data: string | Uint8Array): Promise<string>
  /** Reads a file of the workspace: bytes, or text if an encoding is given. Follows no symbolic link. */
  read(name: string): Promise<Buffer>
  read(name: string, encoding: BufferEncoding): Promise<string>
  /** A stream into a file, mode 0600. It is destroyed when the request's signal aborts. */
  createWriteStream(name: string): WriteStream
  /** A stream out of a file. As the body of a streamed response it is read to its end before the workspace goes. */
  createReadStream(name: string): ReadStream
  /** Variables that make a child process keep its temporary files here: TMPDIR, TMP and TEMP, added to `base`. */
  env(base?: NodeJS.ProcessEnv): NodeJS.ProcessEnv
  /** What is really on the disk, whoever wrote it. */
  usage(): Promise<WorkspaceUsage>
  /** Another workspace, which ends with that scope: for one record of a batch, or a scope of `fork()`. */
  within(scope: Scope): Workspace
}

const rules: Rules<WorkspaceOptions> = {
  root: {
    expected: 'an absolute path',
    accepts: (value) => text.accepts(value) && isAbsolute(value as string),
  },
  contextKey: text,
  maxBytes: bytes,
  minFreeBytes: bytes,
  cleanup: oneOf('await', 'background'),
  grace: milliseconds,
  keepOnError: aBoolean,
}

/**
 * Gives every request a directory of its own for temporary files, as `context.workspace`, and takes it away when the
 * request ends, whichever way it ends. A request that does not touch it creates nothing.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { workspace } from 'middy-managed-instances/workspace'
 *
 * export const handler = middy<{ csv: string }>(managed())
 *   .use(workspace({ maxBytes: 64 * 1024 * 1024 }))
 *   .handler(async (event, { workspace }) => {
 *     const file = await workspace.write('orders.csv', event.csv)
 *     return { file, ...(await workspace.usage()) }
 *   })
 * ```
 */
export const workspace = <const K extends string = 'workspace'>(
  options?: WorkspaceOptions & { contextKey?: K },
): Added<K, Workspace> => {
  const {
    root = join(tmpdir(), 'middy-managed-instances'),
    contextKey = 'workspace' as K,
    maxBytes,
    minFreeBytes = 0,
    cleanup = runtime.managedInstances ? 'background' : 'await',
    grace = 10_000,
    keepOnError = false,
  } = checkOptions<WorkspaceOptions & { contextKey?: K }>('workspace()', rules, options)
  const directories = directoriesIn(resolve(root))
  const settings: WorkspaceSettings = { directories, maxBytes, minFreeBytes, cleanup, keepOnError }
  return contextMiddleware<K, Workspace>('workspace', contextKey, (scope) => {
    directories.startSweeping(grace)
    return new RequestWorkspace(scope, settings)
  })
}
