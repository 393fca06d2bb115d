export type { EnvironmentExit } from './environment-process.ts'
export {
  CallbackHandlerError,
  EventInvalidError,
  HandlerExportMissingError,
  HandlerFileMissingError,
  InitError,
  InitTimeoutError,
  LocalRuntimeError,
  type LocalRuntimeErrorCode,
  NotRunningError,
  ProcessFailedError,
  RuntimeClientMissingError,
} from './errors.ts'
export type { BurstOptions, InvokeOptions, InvokeStreamOptions } from './invoke-options.ts'
export type { LogLine } from './logs.ts'
export type { RuntimeOptions } from './options.ts'
export type {
  Answered,
  FunctionError,
  FunctionFailed,
  HttpMetadata,
  InvocationResult,
  InvocationStatus,
  TimedOut,
  Unanswered,
} from './results.ts'
export type { LocalRuntime, StreamedInvocation } from './runtime.ts'
export { type LambdaEndpoint, type ServeOptions, serveRuntime } from './serve/serve-runtime.ts'
export { startRuntime } from './start-runtime.ts'
export type { RuntimeStats, WorkerStats } from './statistics.ts'
