// Checked by the compiler, never run: what a user types has these types, with and without the durable SDK installed.
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import {
  type Added,
  type currentScope,
  type ForkedScope,
  isManagedError,
  type ManagedOptions,
  managed,
  onShutdown,
  type ReleaseError,
  type runtime,
  type Scope,
  scopeOf,
} from 'middy-managed-instances'
import { createContext, type expectNoLeaks, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
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
