export {
  ContextKeyError,
  isManagedError,
  ManagedError,
  type ManagedErrorCode,
  ManagedRequiredError,
  ReleaseError,
  RequestEndedError,
} from './errors.ts'
export { type Runtime, runtime } from './runtime/environment.ts'
export type { Shutdown } from './runtime/preload.ts'
export { type CloseOnShutdown, onShutdown } from './runtime/shutdown.ts'
export { currentScope, scopeOf } from './scope/current.ts'
export { type ManagedOptions, managed } from './scope/managed.ts'
export type { Metric } from './scope/metric.ts'
export type { Added } from './scope/middleware.ts'
export type { Ending, ForkedScope, HandlerWrapper, Outcome, Release, ReleaseEnding, Scope } from './scope/scope.ts'
export type { Source, SourceOptions } from './source.ts'
