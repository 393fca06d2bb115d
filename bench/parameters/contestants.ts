import { SSMProvider } from '@aws-lambda-powertools/parameters/ssm'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import middy from '@middy/core'
import middySsm from '@middy/ssm'
import { LRUCache } from 'lru-cache'
import { managed } from 'middy-managed-instances'
import { parameters, ssm } from 'middy-managed-instances/parameters'
import type { Backend } from '../../examples/backend/backend.ts'

export type Handler = (event: unknown, context: object) => Promise<unknown>

/** As much of a backend as another worker gets of it. */
export type Reachable = Pick<Backend, 'clientOptions'>

/** Makes a handler with a cache of its own, which answers the values of these names; `ttl` in milliseconds. */
export type MakeHandler = (names: readonly string[], ttl: number, backend: Reachable) => Handler

export const storedValue = (name: string): string => `value of ${name}`

/** Without retries, so that a call that is counted is one the cache made. */
export const createClient = ({ clientOptions }: Reachable): SSMClient =>
  new SSMClient({ ...clientOptions, maxAttempts: 1 })

const keysOf = (names: readonly string[]): string[] => names.map((_name, index) => `value${index}`)

/** Keeps nothing, since it has the values at hand. */
const constant =
  (plugin?: middy.PluginObject): MakeHandler =>
  (names) => {
    const keys = keysOf(names)
    const values = Object.fromEntries(names.map((name, index) => [keys[index], storedValue(name)]))
    return middy(plugin).handler(async () => keys.map((key) => values[key])) as unknown as Handler
  }

const withParameters =
  (plugin?: middy.PluginObject): MakeHandler =>
  (names, ttl, backend) => {
    const client = createClient(backend)
    const keys = keysOf(names)
    const values = Object.fromEntries(names.map((name, index) => [keys[index], ssm(name, { client, ttl })]))
    return middy(plugin)
      .use(parameters({ values }))
      .handler(async (_event, { parameters }) => keys.map((key) => parameters[key])) as unknown as Handler
  }

/** Of all names, the one that the event says. */
const withNameOfEvent: MakeHandler = (_names, ttl, backend) => {
  const client = createClient(backend)
  return middy<{ name: string }>()
    .use(
      parameters({ values: ({ event }: { event: { name: string } }) => ({ value: ssm(event.name, { client, ttl }) }) }),
    )
    .handler(async (_event, { parameters }) => [parameters.value]) as unknown as Handler
}

let caches = 0

const withMiddySsm: MakeHandler = (names, ttl, { clientOptions }) => {
  const keys = keysOf(names)
  return middy()
    .use(
      middySsm({
        awsClientOptions: { ...clientOptions, maxAttempts: 1 },
        fetchData: Object.fromEntries(names.map((name, index) => [keys[index], name])),
        cacheKey: `bench-${caches++}`,
        cacheExpiry: ttl,
        setToContext: true,
      }),
    )
    .handler(async (_event, context) =>
      keys.map((key) => (context as unknown as Record<string, unknown>)[key]),
    ) as unknown as Handler
}

const withPowertools: MakeHandler = (names, ttl, backend) => {
  const provider = new SSMProvider({ awsSdkV3Client: createClient(backend) })
  const options = { maxAge: ttl / 1000 }
  const [first = ''] = names
  if (names.length === 1) return middy().handler(async () => [await provider.get(first, options)]) as unknown as Handler
  const wanted = Object.fromEntries(names.map((name) => [name, options]))
  return middy().handler(async () => {
    const found = await provider.getParametersByName(wanted)
    return names.map((name) => found[name])
  }) as unknown as Handler
}

/** As one would write it by hand: `get` for what is there, else `fetch`, both with plain options. */
const withLruCache: MakeHandler = (names, ttl, backend) => {
  const client = createClient(backend)
  const cache = new LRUCache<string, string>({
    max: 10_000,
    ttl,
    fetchMethod: async (Name) => (await client.send(new GetParameterCommand({ Name }))).Parameter?.Value,
  })
  return middy().handler(async () => {
    const values = names.map((name) => cache.get(name))
    return values.includes(undefined) ? Promise.all(names.map((name) => cache.fetch(name))) : values
  }) as unknown as Handler
}

/** Those that fetch all of their names for a request. */
export const caching = {
  'parameters()': withParameters(),
  '@middy/ssm': withMiddySsm,
  Powertools: withPowertools,
  'lru-cache': withLruCache,
} satisfies Record<string, MakeHandler>

/** Reads of one name, which the event says. */
export const byEvent = 'parameters() by event'

export const contestants = {
  ...caching,
  'middy()': constant(),
  'managed()': constant(managed()),
  'managed() and parameters()': withParameters(managed()),
  [byEvent]: withNameOfEvent,
} satisfies Record<string, MakeHandler>

export type Contestant = keyof typeof contestants

/** One after the other, the events whose requests need every name. */
export const eventsOf = (contestant: Contestant, names: readonly string[]): readonly object[] =>
  contestant === byEvent ? names.map((name) => ({ name })) : [{}]
