import { type FetchCall, type Fetched, type Fetcher, single } from '../origin.ts'
import { type AwsClient, lazyClient } from './clients.ts'
import { Package } from './package.ts'
import { send } from './send.ts'

const sdk = new Package('@aws-sdk/client-appconfigdata', () => import('@aws-sdk/client-appconfigdata'))

const defaultClient = lazyClient(async () => new (await sdk.load()).AppConfigDataClient({}))

/** A configuration profile of AWS AppConfig, by names or ids. */
export interface ConfigurationId {
  readonly application: string
  readonly environment: string
  readonly profile: string
}

interface Poll {
  readonly Configuration?: Uint8Array
  readonly ContentType?: string
  readonly NextPollConfigurationToken?: string
  readonly NextPollIntervalInSeconds?: number
}

const isText = (contentType: string): boolean => /^text\/|[/+](?:json|x-yaml|yaml|xml)\b/i.test(contentType)

const contentOf = ({ Configuration, ContentType = 'text/plain' }: Poll): unknown =>
  isText(ContentType) ? new TextDecoder().decode(Configuration) : Configuration

/** The session's next token is part of what is fetched: whichever worker polls next continues the one session. */
const poll = async (
  client: AwsClient,
  id: ConfigurationId,
  interval: number | undefined,
  { signal, previous }: FetchCall,
): Promise<Fetched> => {
  const { GetLatestConfigurationCommand, StartConfigurationSessionCommand } = await sdk.load()
  let known = previous
  let token = known?.carry as string | undefined
  if (token === undefined) {
    known = undefined
    const { application, environment, profile } = id
    const command = new StartConfigurationSessionCommand({
      ApplicationIdentifier: application,
      EnvironmentIdentifier: environment,
      ConfigurationProfileIdentifier: profile,
      RequiredMinimumPollIntervalInSeconds: interval,
    })
    token = (await send(client, command, signal)).InitialConfigurationToken
  }
  const answer: Poll = await send(client, new GetLatestConfigurationCommand({ ConfigurationToken: token }), signal)
  const unchanged = known !== undefined && (answer.Configuration?.length ?? 0) === 0
  return {
    raw: unchanged ? known?.raw : contentOf(answer),
    carry: answer.NextPollConfigurationToken,
    notBefore: Date.now() + (answer.NextPollIntervalInSeconds ?? 0) * 1000,
  }
}

/** Continues the session of the fetch before, or starts one; `interval` is how often it asks at most, in seconds. */
export const configurationFetcher = (
  client: AwsClient | undefined,
  id: ConfigurationId,
  interval: number | undefined,
): Fetcher =>
  single(
    async (_name, call) => {
      const connected = client ?? (await defaultClient())
      try {
        return await poll(connected, id, interval, call)
      } catch (error) {
        const { name } = error as Error
        if (name === 'ResourceNotFoundException') return 'missing'
        // A token is good for one poll, also for one whose answer was lost: then a new session starts.
        if (name !== 'BadRequestException' || call.previous?.carry === undefined) throw error
        return await poll(connected, id, interval, { signal: call.signal })
      }
    },
    [sdk],
  )
