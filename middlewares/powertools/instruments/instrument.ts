import type { Metric } from '../../../src/scope/metric.ts'
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
  /** Adds what a resource of the request has recorded, before the end. */
  add?(metric: Metric, request: OfficialRequest): void
  /** Throws what `succeed` would throw of a request whose handler has done too little; nothing ends. */
  check?(): void
  /** The handler has answered. What this throws fails the request. */
  succeed(request: OfficialRequest): void
  /** The request has failed with `request.error`. */
  fail(request: OfficialRequest): void
  /** The request has ended without the handler's answer, as when another middleware has answered. */
  abandon(request: OfficialRequest): void
}
