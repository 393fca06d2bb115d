/** What the calling process tells the environment it starts. */
export interface Configuration {
  /** URL of the runtime client, the only module whose imports are touched. */
  readonly client: string
  readonly host: string
  /** Port of the Runtime API. */
  readonly port: number
  /** Port that takes the workers' log lines. */
  readonly logPort: number
  /** The handler's file when the client would not find it. */
  readonly redirect: { readonly probe: string; readonly url: string } | undefined
  /** Directories to remove when the calling process is gone. */
  readonly directories: readonly string[]
}

/** What one worker is told. */
export interface WorkerConfiguration extends Configuration {
  readonly worker: number
}

/** What the environment's main thread tells the calling process. */
export type Report =
  | { readonly type: 'unsupported'; readonly version: string }
  | { readonly type: 'started'; readonly worker: number; readonly threadId: number }
  | { readonly type: 'ended'; readonly worker: number; readonly exitCode: number; readonly error?: ReportedError }

export interface ReportedError {
  readonly name: string
  readonly message: string
  readonly stack: readonly string[]
}

/** The variable that carries the configuration into the main thread, which takes it away at once. */
export const configurationVariable = 'MIDDY_MANAGED_INSTANCES_LOCAL'

/** The key of the worker's environment data. */
export const configurationKey = 'middy-managed-instances/local'

/** The request header in which a worker names itself. */
export const workerHeader = 'lmi-worker'

/** A worker's first request on its connection for answers: it ties the connection to the worker. */
export const helloPath = '/local/hello'

/** Stands for the log socket that Lambda gives; the worker's preload knows what to connect in its place. */
export const logSocketName = 'middy-managed-instances-local-log'
