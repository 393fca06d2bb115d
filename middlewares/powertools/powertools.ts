import type { MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import { bodyStream } from '../../src/scope/body-stream.ts'
import { managedScopeOf } from '../../src/scope/current.ts'
import { endWithEnvironment } from '../../src/scope/drainable.ts'
import { closePlain, openPlain } from '../../src/scope/plain.ts'
import type { Outcome } from '../../src/scope/scope.ts'
import { startCold, takeColdStart } from './cold-start.ts'
import type { Instrument } from './instruments/instrument.ts'
import { loggerInstrument } from './instruments/logger.ts'
import { metricsInstrument } from './instruments/metrics.ts'
import { tracerInstrument } from './instruments/tracer.ts'
import { type PowertoolsOptions, resolveOptions, type UtilityOptions } from './options.ts'
import { RecordedResources } from './recorded-resources.ts'
import { type PowertoolsRequest, RequestInstruments } from './request-instruments.ts'
import { watchSharedState } from './shared-state.ts'
import { warnOnce } from './warn-once.ts'

type Internal = Record<PropertyKey, unknown>

/** In the order of their starts: the segment is there for all that is logged, and the logger for what metrics warn of. */
const instrumentsOf = ({ tracer, logger, metrics }: UtilityOptions): Promise<Instrument[]> =>
  Promise.all([
    ...(tracer === undefined ? [] : [tracerInstrument(tracer.instance, tracer.options)]),
    ...(logger === undefined ? [] : [loggerInstrument(logger.instances, logger.options)]),
    ...(metrics === undefined ? [] : [metricsInstrument(metrics.instances, metrics.options)]),
  ])

const warnOfSecond = ({ name }: Instrument): void =>
  warnOnce(
    `powertools({ ${name} }): the handler has another middleware for ${name}, so that requests are ${name === 'tracer' ? 'traced' : 'finished'} twice. ` +
      'Keep powertools(), and take out the official middleware or the second powertools().',
  )

/**
 * Powertools' Logger, Tracer and Metrics around every request, finished whichever way it ends, with traces that stay
 * apart when requests overlap. Register it first: its end then runs last.
 *
 * It runs the official middlewares of those utilities that are given, in the order in which they need each other. On
 * Managed Instances the first request of each worker counts as its cold start.
 *
 * @throws TypeError for an unknown option, one of the wrong type, one of a utility that is not given, or if none is.
 *
 * @example
 * ```ts
 * import { Logger } from '@aws-lambda-powertools/logger'
 * import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
 * import { Tracer } from '@aws-lambda-powertools/tracer'
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { powertools } from 'middy-managed-instances/powertools'
 *
 * const logger = new Logger({ serviceName: 'orders' })
 * const tracer = new Tracer({ serviceName: 'orders' })
 * const metrics = new Metrics({ namespace: 'shop', serviceName: 'orders' })
 *
 * export const handler = middy<{ id: string }>(managed())
 *   .use(powertools({ logger, tracer, metrics, captureColdStartMetric: true }))
 *   .handler(async ({ id }) => {
 *     logger.appendKeys({ order: id })
 *     metrics.addMetric('received', MetricUnit.Count, 1)
 *     logger.info('Received')
 *   })
 * ```
 */
export const powertools = (options: PowertoolsOptions): MiddlewareObj<unknown, unknown, Error, Context> => {
  const utilities = resolveOptions(options)
  const instances = [
    ...(utilities.tracer === undefined ? [] : [utilities.tracer.instance]),
    ...(utilities.logger?.instances ?? []),
    ...(utilities.metrics?.instances ?? []),
  ]
  watchSharedState(instances)
  endWithEnvironment()
  const stateKey = Symbol('middy-managed-instances.powertools')
  const stateOf = (request: PowertoolsRequest): RequestInstruments | undefined =>
    (request.internal as Internal)[stateKey] as RequestInstruments | undefined

  let instruments: readonly Instrument[] | undefined
  let cleanups: Readonly<Record<string, (request: PowertoolsRequest) => void>> = {}
  const loading = instrumentsOf(utilities).then((loaded) => {
    instruments = loaded
    cleanups = Object.fromEntries(
      loaded.map((instrument) => [instrument.cleanupKey, (request) => stateOf(request)?.abandon(instrument)]),
    )
    return loaded
  })
  // Every request reports it; nobody waits for it before the first.
  loading.catch(() => {})

  const warnOfOthers = (internal: Internal, loaded: readonly Instrument[]): void => {
    for (const instrument of loaded) {
      const cleanup = internal[instrument.cleanupKey]
      if (cleanup !== undefined && cleanup !== cleanups[instrument.cleanupKey]) warnOfSecond(instrument)
    }
  }

  const start = (request: PowertoolsRequest, loaded: readonly Instrument[]): void => {
    const internal = request.internal as Internal
    warnOfOthers(internal, loaded)
    const managed = managedScopeOf(request)
    const { scope, fork } = managed ? { scope: managed, fork: managed } : openPlain(request, middleware, 'powertools')
    const resources = utilities.resources ? new RecordedResources() : undefined
    if (resources !== undefined) scope.onRecord(resources.add)
    const state = new RequestInstruments(request, resources)
    fork.defer('powertools', (ending) => {
      warnOfOthers(request.internal as Internal, loaded)
      state.release(ending, request, scope.signal)
    })
    internal[stateKey] = state
    Object.assign(internal, cleanups)
    if (takeColdStart()) startCold(instances, () => state.start(loaded))
    else state.start(loaded)
  }

  const close = (request: PowertoolsRequest, outcome: Outcome): Promise<void> | undefined =>
    closePlain(request, middleware, outcome)

  const powertoolsBefore = (request: PowertoolsRequest): Promise<void> | undefined => {
    if (instruments === undefined) return loading.then((loaded) => start(request, loaded))
    start(request, instruments)
    return undefined
  }
  const powertoolsAfter = (request: PowertoolsRequest): Promise<void> | undefined => {
    // What a stream still records belongs to its request: that one ends with its scope.
    if (bodyStream(request.response) === undefined) stateOf(request)?.succeed(request.response)
    return close(request, 'returned')
  }
  const powertoolsOnError = (request: PowertoolsRequest): Promise<void> | undefined => {
    stateOf(request)?.fail(request.error)
    return close(request, 'threw')
  }
  const middleware = { before: powertoolsBefore, after: powertoolsAfter, onError: powertoolsOnError }
  return middleware as unknown as MiddlewareObj<unknown, unknown, Error, Context>
}
