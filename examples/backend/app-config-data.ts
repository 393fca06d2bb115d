import { randomBytes } from 'node:crypto'
import type { Configuration, ConfigurationAddress, Configurations } from './configurations.ts'
import type { Answer, Operations } from './protocol.ts'
import { ServiceError } from './service-error.ts'

interface StartConfigurationSession {
  readonly ApplicationIdentifier: string
  readonly EnvironmentIdentifier: string
  readonly ConfigurationProfileIdentifier: string
  readonly RequiredMinimumPollIntervalInSeconds?: number
}

interface Session {
  readonly address: ConfigurationAddress
  /** In seconds. */
  readonly minimumInterval: number | undefined
  /** What the client has. */
  readonly received?: Configuration
  readonly polled?: number
}

/** The interval a session is told if nobody asked for one, in seconds. */
const defaultInterval = 60

/**
 * What AppConfigData answers. A token is good for one poll, whose answer has the next one.
 *
 * @param now - the time in milliseconds, which poll intervals are measured by.
 */
export const configurationOperations = (configurations: Configurations, now: () => number): Operations => {
  const sessions = new Map<string, Session>()

  const issueToken = (session: Session): string => {
    const token = randomBytes(48).toString('base64')
    sessions.set(token, session)
    return token
  }

  return {
    StartConfigurationSession: (request: StartConfigurationSession) => {
      const { RequiredMinimumPollIntervalInSeconds: minimumInterval } = request
      if (minimumInterval !== undefined && !(minimumInterval >= 15 && minimumInterval <= 86_400))
        throw new ServiceError('BadRequestException', 'RequiredMinimumPollIntervalInSeconds must be 15 to 86400.')
      const address = {
        application: request.ApplicationIdentifier,
        environment: request.EnvironmentIdentifier,
        profile: request.ConfigurationProfileIdentifier,
      }
      requireDeployed(configurations, address)
      return { status: 201, body: { InitialConfigurationToken: issueToken({ address, minimumInterval }) } }
    },

    GetLatestConfiguration: ({ ConfigurationToken: token }: { readonly ConfigurationToken: string }): Answer => {
      const session = sessions.get(token)
      if (session === undefined) throw badToken('Corrupted')
      const { address, minimumInterval, received, polled } = session
      const configuration = requireDeployed(configurations, address)
      const interval = Math.max(minimumInterval ?? 0, configuration.pollInterval ?? 0)
      const time = now()
      if (polled !== undefined && time - polled < interval * 1000) throw badToken('PollIntervalNotSatisfied')
      sessions.delete(token)
      const told =
        minimumInterval === undefined && configuration.pollInterval === undefined ? defaultInterval : interval
      const headers = {
        'next-poll-configuration-token': issueToken({ ...session, received: configuration, polled: time }),
        'next-poll-interval-in-seconds': String(told),
      }
      if (received === configuration) return { headers, body: Buffer.alloc(0) }
      const { content, contentType = 'application/json', versionLabel } = configuration
      return {
        headers: {
          ...headers,
          'content-type': contentType,
          ...(versionLabel === undefined ? {} : { 'version-label': versionLabel }),
        },
        body: Buffer.from(content),
      }
    },
  }
}

const requireDeployed = (configurations: Configurations, address: ConfigurationAddress): Configuration => {
  const configuration = configurations.find(address)
  if (configuration !== undefined) return configuration
  throw new ServiceError('ResourceNotFoundException', 'The requested resource could not be found.', 404, {
    ResourceType: 'Deployment',
    ReferencedBy: { ...address },
  })
}

const badToken = (Problem: 'Corrupted' | 'PollIntervalNotSatisfied'): ServiceError =>
  new ServiceError('BadRequestException', `The configuration token is not valid: ${Problem}.`, 400, {
    Reason: 'InvalidParameters',
    Details: { InvalidParameters: { ConfigurationToken: { Problem } } },
  })
