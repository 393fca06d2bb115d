import { inspect } from 'node:util'
import { ManagedError } from '../../src/errors.ts'

/**
 * A request's workspace has no room: its own quota is used up, or the disk is full. Sent again, the request may succeed.
 *
 * @example
 * ```ts
 * import { WorkspaceFullError } from 'middy-managed-instances/workspace'
 *
 * const statusOf = (error: unknown): number => (error instanceof WorkspaceFullError ? 503 : 500)
 * ```
 */
export class WorkspaceFullError extends ManagedError<{
  readonly limit: 'maxBytes' | 'minFreeBytes' | 'disk'
  readonly allowed: number
  readonly found: number
}> {
  override readonly name = 'WorkspaceFullError'
  readonly code = 'WORKSPACE_FULL'
  override readonly retryable = true

  constructor(data: WorkspaceFullError['data'], options?: ErrorOptions) {
    super(message[data.limit](data.allowed, data.found), data, options)
  }
}

const message = {
  maxBytes: (allowed: number, found: number): string =>
    `workspace(): the request's files take ${found} bytes and maxBytes allows ${allowed}. Write less, or raise maxBytes.`,
  minFreeBytes: (allowed: number, found: number): string =>
    `workspace(): ${found} bytes are free on the disk and minFreeBytes asks for ${allowed}. Send the request again later, or lower minFreeBytes.`,
  disk: (_allowed: number, found: number): string =>
    `workspace(): the disk is full (${found} bytes free) after expired workspaces were removed. Send the request again later, or give the environment more storage.`,
}

/**
 * A name can't be used in a workspace: it would lead outside, or no file can have it.
 *
 * @example
 * ```ts
 * import { WorkspacePathError } from 'middy-managed-instances/workspace'
 *
 * const isBadUpload = (error: unknown): boolean => error instanceof WorkspacePathError
 * ```
 */
export class WorkspacePathError extends ManagedError<{ readonly names: readonly unknown[] }> {
  override readonly name = 'WorkspacePathError'
  readonly code = 'WORKSPACE_PATH'

  constructor(names: readonly unknown[], problem: string, options?: ErrorOptions) {
    super(
      `workspace.file(): ${problem}, received ${names.map((name) => inspect(name, { depth: 0 })).join(', ')}. ` +
        'Use relative names of letters, digits and the like, for example workspace.file("input", "orders.csv").',
      { names },
      options,
    )
  }
}

/**
 * The directory that holds the workspaces can't be trusted or used; nothing was created in it.
 *
 * @example
 * ```ts
 * import { WorkspaceRootError } from 'middy-managed-instances/workspace'
 *
 * const rootOf = (error: unknown): string | undefined =>
 *   error instanceof WorkspaceRootError ? error.data.root : undefined
 * ```
 */
export class WorkspaceRootError extends ManagedError<{ readonly root: string }> {
  override readonly name = 'WorkspaceRootError'
  readonly code = 'WORKSPACE_ROOT'

  constructor(root: string, problem: string, options?: ErrorOptions) {
    super(
      `workspace(): root ${JSON.stringify(root)} ${problem}. ` +
        'Give a directory that this function alone uses, for example workspace({ root: "/tmp/workspaces" }); it is created when missing.',
      { root },
      options,
    )
  }
}
