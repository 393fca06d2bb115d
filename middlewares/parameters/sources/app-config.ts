import { checkObject, required, text } from '../../../src/options.ts'
import type { Source } from '../../../src/source.ts'
import { type ConfigurationId, configurationFetcher } from '../aws/app-config.ts'
import { identify } from '../aws/clients.ts'
import { CachedSource } from '../source.ts'
import { type AwsOptions, checkAwsOptions, merge } from './aws-options.ts'
import type { Json, Untransformed, WithTransform } from './types.ts'

/** What `appConfig()` takes. */
export interface AppConfigOptions extends AwsOptions {
  /** Its name or id. */
  application: string
  /** Its name or id. */
  environment: string
  /** The name or id of the configuration profile. */
  profile: string
}

const service = 'AppConfigData'
const rules = { application: required(text), environment: required(text), profile: required(text) }

/** The intervals AppConfig takes, in seconds. */
const shortestInterval = 15
const longestInterval = 86_400

/**
 * A configuration profile of AWS AppConfig: its text (bytes, if its content type is no text), or what `transform` makes
 * of it. One session serves it, for all workers of the process; it is polled every `ttl`, but not before the interval that
 * AppConfig asks for (15 seconds at least), and not fetched again while it is unchanged.
 *
 * {@link https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-retrieving-the-configuration.html | Source}
 *
 * @throws TypeError for a missing name, an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { appConfig } from 'middy-managed-instances/parameters'
 *
 * const flags = appConfig<{ newCheckout: { enabled: boolean } }>({
 *   application: 'orders',
 *   environment: 'production',
 *   profile: 'flags',
 *   transform: 'json',
 * })
 * console.log((await flags.get()).newCheckout.enabled)
 * ```
 */
export function appConfig(options: Untransformed<AppConfigOptions>): Source<string>
export function appConfig<T = Json>(options: WithTransform<AppConfigOptions, 'json'>): Source<T>
export function appConfig(options: WithTransform<AppConfigOptions, 'binary'>): Source<Uint8Array>
export function appConfig<T>(options: WithTransform<AppConfigOptions, (raw: string) => T>): Source<T>
export function appConfig(options: AppConfigOptions): Source<unknown> {
  return createAppConfig(checkAwsOptions('appConfig()', service, rules, checkObject('appConfig()', options)))
}

const createAppConfig = (options: AppConfigOptions): CachedSource<unknown> => {
  const { client, application, environment, profile, ...settings } = options
  const { suffix, shareable } = identify(service, client)
  const id: ConfigurationId = { application, environment, profile }
  const name = [application, environment, profile].map((part) => JSON.stringify(part)).join(', ')
  const origin = {
    key: `appConfig(${name})${suffix}`,
    name,
    fetcher: configurationFetcher(client, id, intervalOf(settings.ttl)),
    shareable,
  }
  return new CachedSource(origin, settings, (defaults) => createAppConfig(merge(service, defaults, options)))
}

const intervalOf = (ttl: number | undefined): number | undefined =>
  ttl === undefined ? undefined : Math.min(longestInterval, Math.max(shortestInterval, Math.floor(ttl / 1000)))
