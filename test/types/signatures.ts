// Checked by the compiler, never run: what a user types has these types, with and without the durable SDK installed.
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import {
  type Added,
  type currentScope,
  type ForkedScope,
  isManagedError,
  type ManagedOptions,
  type Metric,
  managed,
  onShutdown,
  type ReleaseError,
  type runtime,
  type Scope,
  scopeOf,
} from 'middy-managed-instances'
import {
  appConfig,
  dynamodb,
  type Json,
  loader,
  type ParametersRequest,
  parameters,
  retryOnAuthFailure,
  type Source,
  secret,
  ssm,
  ssmPath,
  type Values,
} from 'middy-managed-instances/parameters'
import { createContext, type expectNoLeaks, invoke, invokeConcurrently, stub } from 'middy-managed-instances/testing'
import { type Workspace, type WorkspaceOptions, workspace } from 'middy-managed-instances/workspace'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectTrue = <T extends true>(): T | undefined => undefined

// managed(config?: middy.PluginObject & ManagedOptions): middy.PluginObject
expectTrue<Equal<Parameters<typeof managed>, [config?: (middy.PluginObject & ManagedOptions) | undefined]>>()
expectTrue<Equal<ReturnType<typeof managed>, middy.PluginObject>>()
managed(
  managed({
    timeoutEarlyInMillis: 10,
    releaseTimeout: 100,
    reserve: 10,
    onReleaseError: (error: ReleaseError) => void error,
  }),
)
// @ts-expect-error: not an option of ours or Middy's
managed({ releaseTimeuot: 100 })

// Added<K, V, E>, and workspace<const K extends string = 'workspace'>
type AddedByHand<K extends string, V, E = unknown> = MiddlewareObj<
  E,
  unknown,
  Error,
  Context & { readonly signal: AbortSignal } & { readonly [P in K]: V }
>
expectTrue<Equal<Added<'files', Workspace>, AddedByHand<'files', Workspace>>>()
const byDefault = workspace()
expectTrue<Equal<typeof byDefault, Added<'workspace', Workspace>>>()
const underAnotherKey = workspace({ contextKey: 'files', maxBytes: 1 })
expectTrue<Equal<typeof underAnotherKey, Added<'files', Workspace>>>()
const withOptions = workspace({ maxBytes: 1 })
expectTrue<Equal<typeof withOptions, Added<'workspace', Workspace>>>()
// @ts-expect-error: a number is asked for
workspace({ maxBytes: '10MB' })
// @ts-expect-error: unknown
workspace({ maxByte: 10 })
const options: WorkspaceOptions = {
  cleanup: 'background',
  root: '/tmp/workspaces',
  keepOnError: true,
  grace: 0,
  minFreeBytes: 1,
}
void options

// The additions infer through the chain, renamed keys and arrays of middlewares included.
const handler = middy<{ id: string }, number>(managed())
  .use(workspace())
  .use([workspace({ contextKey: 'scratch' })])
  .handler(async (event, context, { signal }) => {
    expectTrue<Equal<typeof event, { id: string }>>()
    expectTrue<Equal<typeof context.workspace, Workspace>>()
    expectTrue<Equal<typeof context.scratch, Workspace>>()
    expectTrue<Equal<typeof context.signal, AbortSignal>>()
    expectTrue<Equal<typeof signal, AbortSignal>>()
    expectTrue<Equal<typeof context.awsRequestId, string>>()
    // @ts-expect-error: nobody put it there
    void context.files
    return event.id.length
  })

// The workspace's own face
declare const files: Workspace
expectTrue<Equal<Workspace['path'], string>>()
expectTrue<Equal<ReturnType<Workspace['file']>, string>>()
const bytes = files.read('a')
expectTrue<Equal<typeof bytes, Promise<Buffer>>>()
const text = files.read('a', 'utf8')
expectTrue<Equal<typeof text, Promise<string>>>()
// @ts-expect-error: it is read-only
files.path = '/'

// The testing kit: invoke<E, R>(handler: (event: E, context: any) => Promise<R>, event: E, options?): Promise<R>
const answer = invoke(handler, { id: 'a' })
expectTrue<Equal<typeof answer, Promise<number>>>()
const answers = invokeConcurrently(handler, [{ id: 'a' }], { concurrency: 1 })
expectTrue<Equal<typeof answers, Promise<PromiseSettledResult<number>[]>>>()
// @ts-expect-error: not this handler's event
invoke(handler, { name: 'a' })
const context: Context = createContext({ functionName: 'f', timeout: 10 })
void context
expectTrue<Equal<ReturnType<typeof expectNoLeaks>, Promise<void>>>()

// The scope
declare const scope: Scope
expectTrue<Equal<typeof scope.signal, AbortSignal>>()
expectTrue<Equal<typeof scope.deadline, number>>()
expectTrue<Equal<typeof scope.handlerSettled, Promise<void>>>()
expectTrue<
  Equal<typeof scope.outcome, 'returned' | 'early' | 'threw' | 'timedOut' | 'disconnected' | 'suspended' | undefined>
>()
expectTrue<Equal<ReturnType<typeof scope.fork>, ForkedScope>>()
expectTrue<
  Equal<Metric, { readonly name: string; readonly unit: 'Bytes' | 'Count' | 'Milliseconds'; readonly value: number }>
>()
expectTrue<Equal<Scope['record'], (metric: Metric) => void>>()
expectTrue<Equal<Scope['onRecord'], (listener: (metric: Metric) => void) => void>>()
expectTrue<Equal<Scope['recording'], boolean>>()
// @ts-expect-error: not a unit of CloudWatch's
scope.record({ name: 'Rows', unit: 'Rows', value: 1 })
expectTrue<Equal<ReturnType<typeof currentScope>, Scope | undefined>>()
middy(managed()).before((request) => {
  expectTrue<Equal<ReturnType<typeof scopeOf>, Scope | undefined>>()
  scopeOf(request)?.defer('probe', ({ outcome, handlerSettled, report }) => report([outcome, handlerSettled]))
  scopeOf(request)?.wrapHandler(async (next) => await next())
})
const failure: unknown = undefined
if (isManagedError(failure)) expectTrue<Equal<typeof failure.retryable, boolean>>()
expectTrue<Equal<typeof runtime.managedInstances, boolean>>()
const unregister: () => void = onShutdown('pool', ({ deadline }) => deadline)
void unregister

// The sources: ssm and secret with overloads by transform
const parameter = ssm('/orders/bucket')
expectTrue<Equal<typeof parameter, Source<string>>>()
const parameterWithOptions = ssm('/orders/bucket', { ttl: 1, staleIfError: 1, decrypt: false })
expectTrue<Equal<typeof parameterWithOptions, Source<string>>>()
const anyJson = ssm('/orders/limits', { transform: 'json' })
expectTrue<Equal<typeof anyJson, Source<Json>>>()
const limits = ssm<{ rows: number }>('/orders/limits', { transform: 'json' })
expectTrue<Equal<typeof limits, Source<{ rows: number }>>>()
const key = ssm('/orders/key', { transform: 'binary' })
expectTrue<Equal<typeof key, Source<Uint8Array>>>()
const count = ssm('/orders/count', {
  transform: (raw) => {
    expectTrue<Equal<typeof raw, string>>()
    return Number(raw)
  },
})
expectTrue<Equal<typeof count, Source<number>>>()
// @ts-expect-error: no such transform
ssm('/orders/count', { transform: 'yaml' })
// @ts-expect-error: unknown
ssm('/orders/count', { maxAge: 5 })
// @ts-expect-error: a number is asked for
ssm('/orders/count', { ttl: '5m' })
const credentials = secret<{ user: string }>('orders/db', { transform: 'json', versionStage: 'AWSPENDING' })
expectTrue<Equal<typeof credentials, Source<{ user: string }>>>()
const secretText = secret('orders/token', { batch: true })
expectTrue<Equal<typeof secretText, Source<string>>>()
const secretBytes = secret('orders/key', { transform: 'binary' })
expectTrue<Equal<typeof secretBytes, Source<Uint8Array>>>()
const secretLength = secret('orders/token', { transform: (raw) => raw.length })
expectTrue<Equal<typeof secretLength, Source<number>>>()
const path = ssmPath('/orders')
expectTrue<Equal<typeof path, Source<Readonly<Record<string, string>>>>>()
const numbers = ssmPath('/orders', { transform: (raw) => Number(raw), recursive: false })
expectTrue<Equal<typeof numbers, Source<Readonly<Record<string, number>>>>>()
const address = { application: 'orders', environment: 'production', profile: 'flags' }
const configuration = appConfig(address)
expectTrue<Equal<typeof configuration, Source<string>>>()
const flags = appConfig<{ enabled: boolean }>({ ...address, transform: 'json' })
expectTrue<Equal<typeof flags, Source<{ enabled: boolean }>>>()
const attribute = dynamodb<{ rows: number }>({ table: 'settings', key: { id: 'limits' } })
expectTrue<Equal<typeof attribute, Source<{ rows: number }>>>()
const loaded = loader('jwks', async ({ signal }) => {
  expectTrue<Equal<typeof signal, AbortSignal>>()
  return { keys: 3 }
})
expectTrue<Equal<typeof loaded, Source<{ keys: number }>>>()
const transformed = loader('jwks', () => 'x', { transform: (raw) => raw.length })
expectTrue<Equal<typeof transformed, Source<number>>>()
expectTrue<Equal<ReturnType<typeof limits.get>, Promise<{ rows: number }>>>()
expectTrue<Equal<ReturnType<typeof limits.peek>, { rows: number } | undefined>>()
expectTrue<Equal<ReturnType<typeof limits.refresh>, Promise<{ rows: number }>>>()
const retried = retryOnAuthFailure(credentials, async ({ user }) => user.length)
expectTrue<Equal<typeof retried, Promise<number>>>()

// parameters<const V, const K extends string = 'parameters', E = unknown>, and Values<V>
type Sources = { bucket: Source<string>; limits: Source<{ rows: number }> }
expectTrue<Equal<Values<Sources>, { readonly bucket: string; readonly limits: { rows: number } }>>()
const sources: Sources = { bucket: parameter, limits }
const parametersByDefault = parameters({ values: sources })
expectTrue<Equal<typeof parametersByDefault, Added<'parameters', Values<Sources>>>>()
const parametersUnderAnotherKey = parameters({ values: sources, contextKey: 'settings', ttl: 1_000 })
expectTrue<Equal<typeof parametersUnderAnotherKey, Added<'settings', Values<Sources>>>>()
// @ts-expect-error: a name is no source
parameters({ values: { bucket: '/orders/bucket' } })
// @ts-expect-error: unknown
parameters({ values: sources, maxAge: 5 })

const tenantHandler = middy<{ tenant: string }, number>(managed())
  .use(parameters({ values: sources }))
  .use(
    parameters({
      contextKey: 'own',
      values: async ({ event, context }: ParametersRequest<{ tenant: string }>) => {
        expectTrue<Equal<typeof event, { tenant: string }>>()
        expectTrue<Equal<typeof context, unknown>>()
        return { limit: ssm(`/tenants/${event.tenant}/limit`, { transform: (raw) => Number(raw) }) }
      },
    }),
  )
  .handler(async (event, context) => {
    expectTrue<Equal<typeof event.tenant, string>>()
    expectTrue<Equal<typeof context.parameters.bucket, string>>()
    expectTrue<Equal<typeof context.parameters.limits, { rows: number }>>()
    expectTrue<Equal<typeof context.own.limit, number>>()
    expectTrue<Equal<typeof context.signal, AbortSignal>>()
    // @ts-expect-error: nobody put it there
    void context.parameters.other
    // @ts-expect-error: they are read-only
    context.parameters.bucket = 'x'
    return context.own.limit
  })
const tenantAnswer = invoke(tenantHandler, { tenant: 'a' })
expectTrue<Equal<typeof tenantAnswer, Promise<number>>>()

expectTrue<Equal<ReturnType<typeof stub>, () => void>>()
stub(limits, { rows: 1 })
// @ts-expect-error: not what this source brings
stub(limits, 'x')
