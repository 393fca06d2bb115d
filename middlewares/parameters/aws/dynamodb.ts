import { type Fetched, type Fetcher, single } from '../origin.ts'
import { type AwsClient, lazyClient } from './clients.ts'
import { Package } from './package.ts'
import { send } from './send.ts'

const sdk = new Package('@aws-sdk/client-dynamodb', () => import('@aws-sdk/client-dynamodb'))
const marshalling = new Package('@aws-sdk/util-dynamodb', () => import('@aws-sdk/util-dynamodb'))

const defaultClient = lazyClient(async () => new (await sdk.load()).DynamoDBClient({}))

/** One attribute of one item. */
export interface ItemAttribute {
  readonly table: string
  readonly key: Readonly<Record<string, string | number>>
  readonly attribute: string
  readonly consistent: boolean
}

const fetchAttribute = async (client: AwsClient, item: ItemAttribute, abortSignal: AbortSignal): Promise<Fetched> => {
  const [{ GetItemCommand }, { marshall }] = await Promise.all([sdk.load(), marshalling.load()])
  const command = new GetItemCommand({
    TableName: item.table,
    Key: marshall(item.key),
    ConsistentRead: item.consistent,
    ProjectionExpression: '#attribute',
    ExpressionAttributeNames: { '#attribute': item.attribute },
  })
  const { Item } = await send(client, command, abortSignal)
  const found = Item?.[item.attribute]
  return found === undefined ? 'missing' : { raw: await inJavaScript(found) }
}

const inJavaScript = async (found: unknown): Promise<unknown> => {
  const { unmarshall } = await marshalling.load()
  try {
    return unmarshall({ found } as never)['found']
  } catch {
    // No cause: its message quotes the number.
    throw new RangeError('It holds a number with more digits than a number in JavaScript has. Store it as a string.')
  }
}

export const attributeFetcher = (client: AwsClient | undefined, item: ItemAttribute): Fetcher =>
  single(
    async (_name, { signal }) => fetchAttribute(client ?? (await defaultClient()), item, signal),
    [sdk, marshalling],
  )
