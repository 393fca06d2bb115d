/** What the official middlewares see of a request; what they keep in `internal` stays in here. */
export interface OfficialRequest {
  readonly event: unknown
  readonly context: unknown
  internal: Record<string, unknown>
  response: unknown
  error: unknown
}

type OfficialHook = (request: OfficialRequest) => unknown

/** One of the official middlewares. */
export interface Official {
  readonly before: OfficialHook
  readonly after: OfficialHook
  readonly onError: OfficialHook
}

const notLoaded =
  (name: string) =>
  (cause: unknown): never => {
    throw new Error(
      `powertools(): ${name}/middleware could not be loaded (${cause instanceof Error ? cause.message : cause}). ` +
        `Install version 2 of the package, or have your bundler include it: npm install ${name}@2`,
      { cause },
    )
  }

// Each import is written out with its own catch: that is how a bundler knows that the package may be missing.
export const loadLoggerMiddleware = (): Promise<typeof import('@aws-lambda-powertools/logger/middleware')> =>
  import('@aws-lambda-powertools/logger/middleware').catch(notLoaded('@aws-lambda-powertools/logger'))

export const loadMetricsMiddleware = (): Promise<typeof import('@aws-lambda-powertools/metrics/middleware')> =>
  import('@aws-lambda-powertools/metrics/middleware').catch(notLoaded('@aws-lambda-powertools/metrics'))

export const loadTracerMiddleware = (): Promise<typeof import('@aws-lambda-powertools/tracer/middleware')> =>
  import('@aws-lambda-powertools/tracer/middleware').catch(notLoaded('@aws-lambda-powertools/tracer'))
