// Checked by the compiler, never run: what a user types has these types.
import type { IdempotencyConfig } from '@aws-lambda-powertools/idempotency'
import type { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { type IdempotencyOptions, idempotency } from 'middy-managed-instances/idempotency'
import { invoke } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'

declare const persistenceStore: DynamoDBPersistenceLayer
declare const config: IdempotencyConfig

// The event, the answer and what other middlewares add are inferred as without it.
const handler = middy<{ id: string }, { size: number }>(managed())
  .use(workspace())
  .use(idempotency({ persistenceStore }))
  .use([idempotency({ persistenceStore, config, keyPrefix: 'inner' }), workspace({ contextKey: 'files' })])
  .handler(async ({ id }, { workspace, files }) => {
    await files.write(id, await workspace.read(id))
    return { size: (await files.usage()).bytes }
  })
export const answer: Promise<{ size: number }> = invoke(handler, { id: 'a' })
// @ts-expect-error: the event has an id
invoke(handler, { name: 'a' })

export const options: IdempotencyOptions = { persistenceStore, config, zombieGrace: 0, httpConflict: true }
// @ts-expect-error: the layer is asked for
idempotency({ keyPrefix: 'a' })
// @ts-expect-error: not an option
idempotency({ persistenceStore, keyprefix: 'a' })
// @ts-expect-error: Powertools' configuration, not its options
idempotency({ persistenceStore, config: { eventKeyJmesPath: 'id' } })
