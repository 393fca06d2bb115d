import { checkOptions, type Rules, required, text, wholeNumber } from '../../src/options.ts'
import { outsideRequests } from '../../src/scope/outside-requests.ts'
import type { Source } from '../../src/source.ts'
import type { Login } from './credentials.ts'
import { loadDriver } from './load-driver.ts'

const minute = 60_000
/** A token is good for 15 minutes. From here on the next one is made while this one still serves. */
const renewedAfter = 10 * minute
const servedFor = 14 * minute

/** AWS credentials, as every client of the AWS SDK takes them. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

/** What `rdsIam()` takes. */
export interface RdsIamOptions {
  /** The endpoint of the database or proxy: the token is good for this name alone. */
  hostname: string
  /** @defaultValue 5432 */
  port?: number
  /** The database user, which has to be granted `rds_iam`. */
  username: string
  /** @defaultValue the function's region */
  region?: string
  /** AWS credentials to sign with. @defaultValue the function's */
  credentials?: AwsCredentials | (() => Promise<AwsCredentials>)
}

const rules: Rules<RdsIamOptions> = {
  hostname: required(text),
  port: wholeNumber(1, 65_535),
  username: required(text),
  region: text,
  credentials: {
    expected: 'AWS credentials or a provider of them',
    accepts: (value) => typeof value === 'function' || (typeof value === 'object' && value !== null),
  },
}

/**
 * Credentials of IAM database authentication: tokens of `@aws-sdk/rds-signer`, one for all connections that open within
 * ten minutes, the next made ahead of its time. IAM needs TLS: give `ssl` in the driver's configuration.
 *
 * @throws TypeError for an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { rdsIam } from 'middy-managed-instances/database'
 * import { pgPool } from 'middy-managed-instances/database/pg'
 *
 * const host = 'orders.abc.eu-central-1.rds.amazonaws.com'
 * const orders = pgPool({
 *   connections: 16,
 *   config: { host, user: 'orders', database: 'orders', ssl: { rejectUnauthorized: true } },
 *   credentials: rdsIam({ hostname: host, username: 'orders' }),
 * })
 * ```
 */
export const rdsIam = (options: RdsIamOptions): Source<Login> => {
  const { port = 5432, ...given } = checkOptions<RdsIamOptions>('rdsIam()', rules, options)
  return new TokenSource({ ...given, port })
}

interface Token {
  readonly login: Login
  readonly made: number
}

class TokenSource implements Source<Login> {
  readonly #config: RdsIamOptions & { port: number }
  #signer: Promise<{ getAuthToken(): Promise<string> }> | undefined
  #token: Token | undefined
  #making: Promise<Login> | undefined

  constructor(config: RdsIamOptions & { port: number }) {
    this.#config = config
  }

  async get(): Promise<Login> {
    const login = this.peek()
    if (login === undefined) return this.refresh()
    // What fails now is made anew when it is needed.
    if (this.#age > renewedAfter) this.refresh().catch(() => {})
    return login
  }

  peek(): Login | undefined {
    return this.#age < servedFor ? this.#token?.login : undefined
  }

  refresh(): Promise<Login> {
    this.#making ??= outsideRequests(() => this.#make()).finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  get #age(): number {
    return this.#token === undefined ? Number.POSITIVE_INFINITY : Date.now() - this.#token.made
  }

  async #make(): Promise<Login> {
    const made = Date.now()
    const password = await (await this.#open()).getAuthToken()
    this.#token = { login: { username: this.#config.username, password }, made }
    return this.#token.login
  }

  async #open(): Promise<{ getAuthToken(): Promise<string> }> {
    this.#signer ??= loadDriver('rdsIam()', '@aws-sdk/rds-signer', async () => {
      const { Signer } = await import('@aws-sdk/rds-signer')
      return new Signer(this.#config)
    })
    return this.#signer
  }
}
