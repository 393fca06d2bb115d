import { type Fetched, type Fetcher, single } from '../origin.ts'
import { type AwsClient, type ClientProvider, lazyClient, perClient } from './clients.ts'
import { Package } from './package.ts'
import { send } from './send.ts'

const sdk = new Package('@aws-sdk/client-ssm', () => import('@aws-sdk/client-ssm'))

const defaultClient = lazyClient(async () => new (await sdk.load()).SSMClient({}))

interface Parameter {
  readonly Name?: string
  readonly Selector?: string
  readonly ARN?: string
  readonly Value?: string
}

/** Fetches up to ten parameters a call. */
const fetcherOf =
  (decrypt: boolean) =>
  (client: ClientProvider): Fetcher => ({
    size: 10,
    packages: [sdk],
    async fetch(names, { signal }) {
      const { GetParametersCommand } = await sdk.load()
      const command = new GetParametersCommand({ Names: [...names], WithDecryption: decrypt })
      const { Parameters = [], InvalidParameters = [] } = await send(await client(), command, signal)
      const found = byName(Parameters)
      const missing = new Set<string>(InvalidParameters)
      return names.map((name): Fetched | { error: Error } => {
        const raw = found.get(name)
        if (raw !== undefined) return { raw }
        return missing.has(name) ? 'missing' : { error: new Error('The answer of GetParameters does not speak of it.') }
      })
    },
  })

/** The values by every name that one may be asked for by. */
const byName = (parameters: readonly Parameter[]): Map<string | undefined, string | undefined> =>
  new Map(
    parameters.flatMap(({ Name = '', Selector = '', ARN = '', Value }) => [
      [Name + Selector, Value],
      [ARN + Selector, Value],
    ]),
  )

const decrypted = perClient(defaultClient, fetcherOf(true))
const plain = perClient(defaultClient, fetcherOf(false))

export const parameterFetcher = (client: AwsClient | undefined, decrypt: boolean): Fetcher =>
  decrypt ? decrypted(client) : plain(client)

/** What is asked of a path. */
export interface PathQuery {
  readonly path: string
  readonly recursive: boolean
  readonly decrypt: boolean
}

const fetchPath = async (client: AwsClient, query: PathQuery, abortSignal: AbortSignal): Promise<Fetched> => {
  const { GetParametersByPathCommand } = await sdk.load()
  const { path, recursive, decrypt } = query
  const prefix = path.endsWith('/') ? path : `${path}/`
  const found = new Map<string, string>()
  let NextToken: string | undefined
  do {
    const input = { Path: path, Recursive: recursive, WithDecryption: decrypt, NextToken }
    const page = await send(client, new GetParametersByPathCommand(input), abortSignal)
    for (const { Name = '', Value = '' } of (page.Parameters ?? []) as Parameter[])
      found.set(Name.startsWith(prefix) ? Name.slice(prefix.length) : Name, Value)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return { raw: Object.fromEntries(found) }
}

/** Fetches what is below a path, all pages, by the names relative to it. */
export const pathFetcher = (client: AwsClient | undefined, query: PathQuery): Fetcher =>
  single(async (_name, { signal }) => fetchPath(client ?? (await defaultClient()), query, signal), [sdk])
