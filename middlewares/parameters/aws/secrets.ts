import { type Fetched, type Fetcher, single } from '../origin.ts'
import { type AwsClient, type ClientProvider, lazyClient, perClient } from './clients.ts'
import { Package } from './package.ts'
import { send } from './send.ts'

const sdk = new Package('@aws-sdk/client-secrets-manager', () => import('@aws-sdk/client-secrets-manager'))

const defaultClient = lazyClient(async () => new (await sdk.load()).SecretsManagerClient({}))

interface SecretValue {
  readonly ARN?: string
  readonly Name?: string
  readonly SecretString?: string
  readonly SecretBinary?: Uint8Array
}

/** Which version of a secret. */
export interface SecretVersion {
  readonly versionStage?: string | undefined
  readonly versionId?: string | undefined
}

const isMissing = (code: string | undefined): boolean => code === 'ResourceNotFoundException'

const fetched = ({ SecretString, SecretBinary }: SecretValue): Fetched => ({ raw: SecretString ?? SecretBinary })

const fetchOne = async (
  client: ClientProvider,
  name: string,
  { versionStage, versionId }: SecretVersion,
  abortSignal: AbortSignal,
): Promise<Fetched> => {
  const { GetSecretValueCommand } = await sdk.load()
  const command = new GetSecretValueCommand({ SecretId: name, VersionStage: versionStage, VersionId: versionId })
  try {
    return fetched(await send(await client(), command, abortSignal))
  } catch (error) {
    if (isMissing((error as Error).name)) return 'missing'
    throw error
  }
}

/** One secret a call: that API has a quota a hundred times that of the batch. */
export const secretFetcher = (client: AwsClient | undefined, version: SecretVersion): Fetcher =>
  single(
    (name, { signal }) => fetchOne(client === undefined ? defaultClient : async () => client, name, version, signal),
    [sdk],
  )

const batchFetcherOf = (client: ClientProvider): Fetcher => ({
  size: 20,
  packages: [sdk],
  async fetch(names, { signal }) {
    const { BatchGetSecretValueCommand } = await sdk.load()
    const found = new Map<string | undefined, SecretValue>()
    let NextToken: string | undefined
    do {
      const command = new BatchGetSecretValueCommand({ SecretIdList: [...names], NextToken })
      const page = await send(await client(), command, signal)
      for (const secret of (page.SecretValues ?? []) as SecretValue[])
        found.set(secret.Name, secret).set(secret.ARN, secret)
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    return Promise.all(
      names.map(async (name) => {
        const secret = found.get(name)
        if (secret !== undefined) return fetched(secret)
        // What the batch does not have may still be had alone: the batch finds no partial ARN, and needs a right of its own.
        return fetchOne(client, name, {}, signal).catch((error: unknown) => ({ error }))
      }),
    )
  },
})

/** Up to twenty secrets a call. */
export const secretBatchFetcher: (client: AwsClient | undefined) => Fetcher = perClient(defaultClient, batchFetcherOf)
