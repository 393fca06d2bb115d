import { aBoolean, checkOptions, invalidOption, type Rules, required, text } from '../../src/options.ts'
import type { Added } from '../../src/scope/middleware.ts'
import { valueMiddleware } from '../../src/scope/value-middleware.ts'
import { isSource, type Source } from '../../src/source.ts'
import { aClientOrClients } from './aws/clients.ts'
import { aTransform, type CacheOptions, cacheRules, checkCacheOptions, type Transform } from './options.ts'
import { CachedSource, type SourceDefaults } from './source.ts'
import { type Values, ValuesReader } from './values.ts'

/** What a Middy middleware sees of a request. */
export interface ParametersRequest<E = unknown> {
  readonly event: E
  readonly context: unknown
}

/** The sources of a middleware, by the names their values get. */
export type ParameterSources = Readonly<Record<string, Source<unknown>>>

/** What `parameters()` takes; the options of the cache are for sources that don't have them of their own. */
export interface ParametersOptions<V extends ParameterSources = ParameterSources, E = unknown> extends CacheOptions {
  /** The sources, or a function that names those of one request: their values are kept for all who name the same. */
  values: V | ((request: ParametersRequest<E>) => V | Promise<V>)
  /** The key of the Lambda context under which the handler finds the values. @defaultValue 'parameters' */
  contextKey?: string
  /** Whether the values are fetched at init, so that the first request does not wait. @defaultValue false */
  prefetch?: boolean
  /** For sources without one of their own; their type does not know of it. @defaultValue the text as it is */
  transform?: Transform
  /** AWS SDK clients; each is for the sources of its service. @defaultValue one of each service, with the SDK's defaults */
  client?: object | readonly object[]
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

const rules: Rules<ParametersOptions> = {
  values: required({
    expected: 'an object of sources, as in { bucket: ssm("/orders/bucket") }, or a function that returns one',
    accepts: (value) => typeof value === 'function' || isObject(value),
  }),
  contextKey: text,
  prefetch: aBoolean,
  transform: aTransform,
  client: aClientOrClients,
  ...cacheRules,
}

const checkSources = (sources: ParameterSources): void => {
  if (!isObject(sources))
    throw invalidOption('parameters()', 'values', 'a function that returns an object of sources', sources)
  for (const [name, source] of Object.entries(sources))
    if (!isSource(source))
      throw invalidOption(
        'parameters()',
        `values.${name}`,
        'a source, as ssm("/orders/bucket") or secret("orders/db")',
        source,
      )
}

/** The sources with a middleware's options where they have none of their own. */
const withDefaults = <V extends ParameterSources>(sources: V, defaults: SourceDefaults): V => {
  if (Object.keys(defaults).length === 0) return sources
  const complete = Object.entries(sources).map(([name, source]) => [
    name,
    source instanceof CachedSource ? source.withDefaults(defaults) : source,
  ])
  return Object.fromEntries(complete) as V
}

/**
 * Gives the handler the values of sources as `context.parameters`, frozen. They are fetched when a request first needs
 * them, once for all who need them at the same time, kept for the requests after it, and served on while the backend is
 * down.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range, or for something that is no source.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { parameters, secret, ssm } from 'middy-managed-instances/parameters'
 *
 * export const handler = middy(managed())
 *   .use(
 *     parameters({
 *       values: {
 *         bucket: ssm('/orders/bucket'),
 *         payment: secret<{ key: string }>('orders/payment', { transform: 'json' }),
 *       },
 *     }),
 *   )
 *   .handler(async (event, { parameters }) => ({ bucket: parameters.bucket, paid: parameters.payment.key !== '' }))
 * ```
 */
export const parameters = <
  const V extends Readonly<Record<string, Source<unknown>>>,
  const K extends string = 'parameters',
  E = unknown,
>(
  options: Omit<ParametersOptions<V, E>, 'contextKey'> & { contextKey?: K },
): Added<K, Values<V>, E> => {
  const {
    values,
    contextKey = 'parameters' as K,
    prefetch = false,
    ...defaults
  } = checkOptions<ParametersOptions>('parameters()', rules, options as unknown as ParametersOptions)
  checkCacheOptions('parameters()', defaults)
  const readerOf = (sources: ParameterSources, lasting = false): ValuesReader<V> => {
    checkSources(sources)
    return new ValuesReader(withDefaults(sources as V, defaults), lasting)
  }
  if (typeof values !== 'function') {
    const reader = readerOf(values, true)
    if (prefetch) reader.prefetch()
    return valueMiddleware('parameters', contextKey as K, ({ context }, scope) => reader.read(context, scope))
  }
  if (prefetch)
    throw invalidOption('parameters()', 'prefetch', 'left out where values is a function of the request', prefetch)
  return valueMiddleware('parameters', contextKey as K, (request, scope) => {
    const sources = values(request as ParametersRequest<never>)
    if (!(sources instanceof Promise)) return readerOf(sources).read(request.context, scope)
    return sources.then((given) => readerOf(given).read(request.context, scope))
  })
}
