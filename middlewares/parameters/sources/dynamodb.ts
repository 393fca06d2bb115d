import { aBoolean, required, text } from '../../../src/options.ts'
import type { Source } from '../../../src/source.ts'
import { identify } from '../aws/clients.ts'
import { attributeFetcher } from '../aws/dynamodb.ts'
import { CachedSource } from '../source.ts'
import { type AwsOptions, checkAwsOptions, merge } from './aws-options.ts'
import type { Json, Untransformed, WithTransform } from './types.ts'

/** What `dynamodb()` takes. */
export interface DynamoDBOptions extends AwsOptions {
  table: string
  /** The primary key of the item, as in `{ id: 'limits' }`. */
  key: Readonly<Record<string, string | number>>
  /** Which attribute of the item is the value. @defaultValue 'value' */
  attribute?: string
  /** Whether it is read strongly consistently, which costs twice as much. @defaultValue false */
  consistent?: boolean
}

const service = 'DynamoDB'

const isKey = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  [1, 2].includes(Object.keys(value).length) &&
  Object.values(value).every((part) => (typeof part === 'string' && part !== '') || Number.isFinite(part))

const rules = {
  table: required(text),
  key: required({ expected: "the item's primary key, as { id: 'limits' }", accepts: isKey }),
  attribute: text,
  consistent: aBoolean,
}

/**
 * An attribute of an item in a DynamoDB table, in its JavaScript form, or what `transform` makes of it. An item or
 * attribute that is not there does not exist. The function's role needs `dynamodb:GetItem`.
 *
 * {@link https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html | Source}
 *
 * @throws TypeError for a malformed key, an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { dynamodb } from 'middy-managed-instances/parameters'
 *
 * const limits = dynamodb<{ rows: number }>({ table: 'settings', key: { id: 'limits' } })
 * console.log((await limits.get()).rows)
 * ```
 */
export function dynamodb<T = Json>(options: Untransformed<DynamoDBOptions>): Source<T>
export function dynamodb<T = Json>(options: WithTransform<DynamoDBOptions, 'json'>): Source<T>
export function dynamodb(options: WithTransform<DynamoDBOptions, 'binary'>): Source<Uint8Array>
export function dynamodb<R, T>(options: WithTransform<DynamoDBOptions, (raw: R) => T>): Source<T>
export function dynamodb(options: DynamoDBOptions): Source<unknown> {
  return createDynamoDB(checkAwsOptions<DynamoDBOptions>('dynamodb()', service, rules, options))
}

const createDynamoDB = (options: DynamoDBOptions): CachedSource<unknown> => {
  const { client, table, key: itemKey, attribute = 'value', consistent = false, ...settings } = options
  const { suffix, shareable } = identify(service, client)
  const name = `${JSON.stringify(table)}, ${JSON.stringify(itemKey)}, ${JSON.stringify(attribute)}${consistent ? ', consistent' : ''}`
  const fetcher = attributeFetcher(client, { table, key: itemKey, attribute, consistent })
  const origin = { key: `dynamodb(${name})${suffix}`, name, fetcher, shareable }
  return new CachedSource(origin, settings, (defaults) => createDynamoDB(merge(service, defaults, options)))
}
