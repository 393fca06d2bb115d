import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import type { MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import { ManagedRequiredError } from '../../src/errors.ts'
import { aBoolean, checkOptions, milliseconds, type Rules, required } from '../../src/options.ts'
import { runtime } from '../../src/runtime/environment.ts'
import { managedScopeOf } from '../../src/scope/current.ts'
import { noKeyOf } from './errors.ts'
import { Execution, type IdempotencySettings } from './execution.ts'
import { KeyedStore, type Payload, type PersistenceStore } from './keyed-store.ts'
import { snapshot } from './snapshot.ts'

/** What `idempotency()` takes. */
export interface IdempotencyOptions {
  /** Where the records are kept: a persistence layer of Powertools, for DynamoDB, Valkey or Redis. */
  persistenceStore: PersistenceStore
  /**
   * Powertools' configuration: what the key is made of, how long a result is kept and so on. A layer keeps the first one
   * it is given: functions that share one share this too.
   *
   * @defaultValue new IdempotencyConfig({}): the whole event is the key, and a result is kept for an hour
   */
  config?: IdempotencyConfig
  /** What the keys of this function begin with. @defaultValue the layer's own: the name of the Lambda function */
  keyPrefix?: string
  /**
   * Milliseconds after its deadline for which a request keeps its lock, since its handler may still be running. A handler
   * that settles gives it up at once; only that of a worker that died lasts so long.
   *
   * @defaultValue 60000 on Managed Instances, where a timeout stops nothing; else 0
   */
  zombieGrace?: number
  /**
   * Whether a duplicate of an HTTP request that is in progress is answered with the status 409, in place of
   * `IdempotencyAlreadyInProgressError`. @defaultValue false
   */
  httpConflict?: boolean
}

/** The middleware: it adds nothing to the context. */
export type Idempotency = MiddlewareObj<unknown, unknown, Error, Context>

const methods = [
  'configure',
  'saveInProgress',
  'saveSuccess',
  'deleteRecord',
  'getRecord',
  'processExistingRecord',
] as const

const hasMethods = (value: unknown, names: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'function')

const rules: Rules<IdempotencyOptions> = {
  persistenceStore: required({
    expected: 'a persistence layer of @aws-lambda-powertools/idempotency, as DynamoDBPersistenceLayer',
    accepts: (value) => hasMethods(value, methods),
  }),
  config: {
    expected: 'an IdempotencyConfig of @aws-lambda-powertools/idempotency',
    accepts: (value) => hasMethods(value, ['isEnabled', 'registerLambdaContext']),
  },
  keyPrefix: {
    expected: 'a string that is not blank',
    accepts: (value) => typeof value === 'string' && value.trim() !== '',
  },
  zombieGrace: milliseconds,
  httpConflict: aBoolean,
}

/**
 * Runs the handler once for all requests with the same key, on Powertools' persistence layers: a duplicate gets the stored
 * result, or `IdempotencyAlreadyInProgressError` while the first one runs. Needs `managed()`.
 *
 * The key is made of the event as it is when the request comes by here. The lock is taken when the handler is about to
 * run, lasts as long as it may run, and ends with it, also if that is after a timeout: a result is saved, and the lock of
 * an error is released. What other middlewares do before or after the handler is done for every request, replays included.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range; at the first request
 *   {@link ManagedRequiredError} without `managed()`.
 *
 * @example
 * ```ts
 * import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
 * import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { idempotency } from 'middy-managed-instances/idempotency'
 *
 * const persistenceStore = new DynamoDBPersistenceLayer({ tableName: 'idempotency' })
 * const config = new IdempotencyConfig({ eventKeyJmesPath: 'orderId' })
 *
 * export const handler = middy<{ orderId: string }, { charged: string }>(managed())
 *   .use(idempotency({ persistenceStore, config }))
 *   .handler(async ({ orderId }) => ({ charged: orderId }))
 * ```
 */
export const idempotency = (options: IdempotencyOptions): Idempotency => {
  const {
    persistenceStore,
    config = new IdempotencyConfig({}),
    keyPrefix,
    zombieGrace = runtime.managedInstances ? 60_000 : 0,
    httpConflict = false,
  } = checkOptions('idempotency()', rules, options)
  const store = new KeyedStore(persistenceStore, config, keyPrefix)
  const settings: IdempotencySettings = { store, config, zombieGrace, httpConflict }
  const idempotencyBefore = (request: { readonly event: unknown; readonly context: unknown }): void => {
    const scope = managedScopeOf(request)
    if (scope === undefined) throw new ManagedRequiredError('idempotency()')
    if (!config.isEnabled()) return
    const execution = new Execution(settings, scope, payloadOf(request.event))
    scope.wrapHandler((next) => execution.run(next))
  }
  return { before: idempotencyBefore }
}

/** The event as it is now: the handler may change it. */
const payloadOf = (event: unknown): Payload => {
  try {
    return snapshot(event) as Payload
  } catch (error) {
    throw noKeyOf(error)
  }
}
