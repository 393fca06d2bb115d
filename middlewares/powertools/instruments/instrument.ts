import type { OfficialRequest } from '../official.ts'

/** One utility of Powertools around a request: `start`, and then one of the others, once. */
export interface Instrument {
  /** The option it was given by. */
  readonly name: 'logger' | 'metrics' | 'tracer'
  /**
   * Where Powertools' `cleanupMiddlewares(request)` looks for what ends it.
   *
   * {@link https://github.com/aws-powertools/powertools-lambda-typescript/blob/main/packages/commons/src/middleware/constants.ts | Source}
   */
  readonly cleanupKey: string
  start(request: OfficialRequest): void
  /** The handler has answered. What this throws fails the request. */
  succeed(request: OfficialRequest): void
  /** The request has failed with `request.error`. */
  fail(request: OfficialRequest): void
  /** The request has ended without the handler's answer, as when another middleware has answered. */
  abandon(request: OfficialRequest): void
}
