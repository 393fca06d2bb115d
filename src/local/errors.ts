/** What went wrong, as a literal that never changes. */
export type LocalRuntimeErrorCode =
  | 'CLIENT_MISSING'
  | 'HANDLER_FILE_MISSING'
  | 'HANDLER_EXPORT_MISSING'
  | 'CALLBACK_HANDLER'
  | 'INIT_FAILED'
  | 'INIT_TIMEOUT'
  | 'PROCESS_FAILED'
  | 'NOT_RUNNING'
  | 'EVENT_INVALID'

/**
 * The base of every error the local runtime throws for a reason outside its options.
 *
 * @example
 * ```ts
 * import { LocalRuntimeError, startRuntime } from 'middy-managed-instances/local'
 *
 * try {
 *   await startRuntime({ handler: 'examples/orders.handler' })
 * } catch (error) {
 *   if (error instanceof LocalRuntimeError && error.code === 'HANDLER_FILE_MISSING') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export abstract class LocalRuntimeError extends Error {
  abstract readonly code: LocalRuntimeErrorCode
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The optional peer `aws-lambda-ric` is not installed where it was looked for. */
export class RuntimeClientMissingError extends LocalRuntimeError {
  readonly code = 'CLIENT_MISSING'
  constructor(cwd: string, options?: ErrorOptions) {
    super(
      `startRuntime: AWS's runtime client "aws-lambda-ric" was not found from ${cwd}. ` +
        'Install it with: npm install --save-dev --ignore-scripts aws-lambda-ric',
      options,
    )
  }
}

/** No file matches the part of `handler` before the export's name. */
export class HandlerFileMissingError extends LocalRuntimeError {
  readonly code = 'HANDLER_FILE_MISSING'
  readonly tried: readonly string[]
  constructor(handler: string, tried: readonly string[]) {
    super(
      `startRuntime: the handler's file does not exist: "${handler}" (tried ${tried.join(', ')}). ` +
        'Give the path of the file, relative to the working directory, then a dot and the name of the export.',
    )
    this.tried = tried
  }
}

/** The handler's file has loaded, and what `handler` names in it is missing or not a function. */
export class HandlerExportMissingError extends LocalRuntimeError {
  readonly code = 'HANDLER_EXPORT_MISSING'
  constructor(handler: string, file: string, reported: string) {
    super(
      `startRuntime: ${file} exports no function for "${handler}" (the runtime client says: ${reported}). ` +
        'Export an async function under that name.',
    )
  }
}

/** The handler takes a callback, which Managed Instances refuse. */
export class CallbackHandlerError extends LocalRuntimeError {
  readonly code = 'CALLBACK_HANDLER'
  constructor(handler: string, file: string) {
    super(
      `startRuntime: "${handler}" in ${file} takes a callback as its third parameter, which Lambda Managed Instances do not support. ` +
        'Make it an async function of (event, context) that returns its result.',
    )
  }
}

/** The environment failed before its workers were ready: the handler's module threw, or a worker ended. */
export class InitError extends LocalRuntimeError {
  readonly code = 'INIT_FAILED'
  /** The error's type as the runtime client reported it, for example `TypeError` or `Runtime.UserCodeSyntaxError`. */
  readonly errorType: string
  /** The stack of the original error, as lines. */
  readonly trace: readonly string[]
  constructor(
    handler: string,
    errorType: string,
    errorMessage: string,
    trace: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      `startRuntime: the init of "${handler}" failed: ${errorType}: ${errorMessage}. ` +
        "Mend the module's top-level code; the stack is in this error's trace." +
        (trace.length > 0 ? `\n${trace.join('\n')}` : ''),
      options,
    )
    this.errorType = errorType
    this.trace = trace
  }
}

/** The workers were not ready in time. */
export class InitTimeoutError extends LocalRuntimeError {
  readonly code = 'INIT_TIMEOUT'
  constructor(handler: string, initTimeout: number, ready: number, workers: number) {
    super(
      `startRuntime: the init of "${handler}" took longer than ${initTimeout} ms: ${ready} of ${workers} workers were ready. ` +
        'Make the top-level code of the module shorter, or raise initTimeout.',
    )
  }
}

/** The process of the environment could not be started, or this Node.js cannot carry it. */
export class ProcessFailedError extends LocalRuntimeError {
  readonly code = 'PROCESS_FAILED'
  constructor(nodePath: string, reason: string, options?: ErrorOptions) {
    super(
      `startRuntime: the environment could not run with ${nodePath}: ${reason}. ` +
        'Check nodePath and nodeOptions; Node.js 22.15 or later is needed.',
      options,
    )
  }
}

/** The environment has ended or was stopped: nothing can be invoked any more. */
export class NotRunningError extends LocalRuntimeError {
  readonly code = 'NOT_RUNNING'
  constructor(reason: string) {
    super(`invoke: the environment is not running: ${reason}. Start another one with startRuntime().`)
  }
}

/** The event cannot be sent: it has no JSON form, or its JSON is longer than Lambda takes. */
export class EventInvalidError extends LocalRuntimeError {
  readonly code = 'EVENT_INVALID'
  constructor(reason: string, options?: ErrorOptions) {
    super(
      `invoke: the event cannot be sent: ${reason}. Give a value that JSON can hold, in at most 6,291,556 bytes.`,
      options,
    )
  }
}
