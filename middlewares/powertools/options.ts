import type { Logger } from '@aws-lambda-powertools/logger'
import type { Metrics } from '@aws-lambda-powertools/metrics'
import type { Tracer } from '@aws-lambda-powertools/tracer'
import { aBoolean, checkOptions, invalidOption, type Rules, text } from '../../src/options.ts'

/** What `powertools()` takes: at least one utility, and the options of the official middlewares of those given. */
export interface PowertoolsOptions {
  /** One Logger, or several. */
  logger?: Logger | Logger[]
  /** The Tracer. */
  tracer?: Tracer
  /** One Metrics, or several. */
  metrics?: Metrics | Metrics[]
  /** Whether the logger writes the event. @defaultValue the logger's own setting */
  logEvent?: boolean
  /**
   * Whether the keys that a request adds to the logger go at its end.
   *
   * @defaultValue true: where requests don't overlap, the next one would have them otherwise
   */
  resetKeys?: boolean
  /** Whether the logger writes what it has buffered when a request fails, and the error. @defaultValue false */
  flushBufferOnUncaughtError?: boolean
  /** Where the event has its correlation id, for the logger's `correlationIdSearchFn`. @defaultValue none */
  correlationIdPath?: string
  /** Whether the response becomes metadata of the handler's segment. @defaultValue true */
  captureResponse?: boolean
  /** Whether a request whose handler has recorded no metric fails for it. @defaultValue false */
  throwOnEmptyMetrics?: boolean
  /** Dimensions of every metric, set when the factory is called. @defaultValue none */
  defaultDimensions?: Readonly<Record<string, string>>
  /** Whether the first request of a worker records the metric `ColdStart`. @defaultValue false */
  captureColdStartMetric?: boolean
  /**
   * Whether what the request's resources record is added to its metrics and to the metadata of its segment: bytes in its
   * workspace, hits and misses of its parameters, its wait for database clients, and what else `scope.record()` is told.
   * The metrics are then published, and the segment closed, after those resources have been released.
   *
   * @defaultValue false
   */
  resources?: boolean
}

type Utility = 'logger' | 'tracer' | 'metrics'

/** What we and the official middlewares call: methods that an older major version, or something else, does not have. */
const methods: Readonly<Record<Utility, readonly string[]>> = {
  logger: ['addContext', 'refreshSampleRateCalculation', 'setCorrelationId', 'clearBuffer', 'flushBuffer', 'resetKeys'],
  tracer: ['isTracingEnabled', 'annotateColdStart', 'addServiceNameAnnotation', 'setSegment', 'addErrorAsMetadata'],
  metrics: ['captureColdStartMetric', 'publishStoredMetrics', 'hasStoredMetrics', 'addDimensions', 'setTimestamp'],
}

const classes: Readonly<Record<Utility, string>> = { logger: 'Logger', tracer: 'Tracer', metrics: 'Metrics' }

const missingMethod = (utility: Utility, value: unknown): string | undefined =>
  methods[utility].find(
    (name) => typeof value !== 'object' || value === null || typeof Reflect.get(value, name) !== 'function',
  )

/** @throws TypeError for what is no instance of the utility, or one of another major version. */
const checkInstances = (utility: Utility, given: unknown): void => {
  const severalAllowed = utility !== 'tracer'
  const expected = `a ${classes[utility]} of @aws-lambda-powertools/${utility} 2${severalAllowed ? ', or an array of them' : ''}`
  const instances = Array.isArray(given) && severalAllowed ? given : [given]
  if (instances.length === 0) throw invalidOption('powertools()', utility, expected, given)
  for (const [index, instance] of instances.entries()) {
    const missing = missingMethod(utility, instance)
    if (missing !== undefined)
      throw invalidOption(
        'powertools()',
        Array.isArray(given) && severalAllowed ? `${utility}[${index}]` : utility,
        `${expected}, with a method ${missing}()`,
        instance,
      )
  }
}

const anything = { expected: 'an instance', accepts: () => true }

const rules: Rules<PowertoolsOptions> = {
  logger: anything,
  tracer: anything,
  metrics: anything,
  logEvent: aBoolean,
  resetKeys: aBoolean,
  flushBufferOnUncaughtError: aBoolean,
  correlationIdPath: text,
  captureResponse: aBoolean,
  throwOnEmptyMetrics: aBoolean,
  defaultDimensions: {
    expected: 'an object of strings',
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((dimension) => typeof dimension === 'string'),
  },
  captureColdStartMetric: aBoolean,
  resources: aBoolean,
}

const utilityOf: Readonly<Record<Exclude<keyof PowertoolsOptions, Utility | 'resources'>, Utility>> = {
  logEvent: 'logger',
  resetKeys: 'logger',
  flushBufferOnUncaughtError: 'logger',
  correlationIdPath: 'logger',
  captureResponse: 'tracer',
  throwOnEmptyMetrics: 'metrics',
  defaultDimensions: 'metrics',
  captureColdStartMetric: 'metrics',
}

/** The options by the utility they are for; none for a utility that was not given. */
export interface UtilityOptions {
  readonly logger: { readonly instances: Logger[]; readonly options: object } | undefined
  readonly tracer: { readonly instance: Tracer; readonly options: object } | undefined
  readonly metrics: { readonly instances: Metrics[]; readonly options: object } | undefined
  readonly resources: boolean
}

/** @throws TypeError for an unknown option, one of the wrong type, and one of a utility that is not given. */
export const resolveOptions = (given: PowertoolsOptions): UtilityOptions => {
  const { logger, tracer, metrics, resources, ...rest } = checkOptions('powertools()', rules, given)
  const utilities = { logger, tracer, metrics }
  const options = { logger: {}, tracer: {}, metrics: {} }
  for (const [utility, value] of Object.entries(utilities))
    if (value !== undefined) checkInstances(utility as Utility, value)
  if (Object.values(utilities).every((value) => value === undefined))
    throw new TypeError(
      `powertools(): expected at least one of logger, tracer and metrics, received ${Object.keys(given ?? {}).join(', ') || 'none'}.`,
    )
  for (const [name, value] of Object.entries(rest)) {
    const utility = utilityOf[name as keyof typeof utilityOf]
    if (value === undefined) continue
    if (utilities[utility] === undefined)
      throw invalidOption('powertools()', name, `left out where no ${utility} is given`, value)
    Object.assign(options[utility], { [name]: value })
  }
  if (resources !== undefined && tracer === undefined && metrics === undefined)
    throw invalidOption('powertools()', 'resources', 'left out where neither metrics nor a tracer is given', resources)
  return {
    resources: resources ?? false,
    logger: logger && { instances: [logger].flat(), options: options.logger },
    tracer: tracer && { instance: tracer, options: options.tracer },
    metrics: metrics && { instances: [metrics].flat(), options: options.metrics },
  }
}
