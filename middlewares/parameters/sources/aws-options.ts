import { checkOptions, type Rules } from '../../../src/options.ts'
import { type AwsClient, aClientOf, clientFor, type Service } from '../aws/clients.ts'
import { aTransform, type CacheOptions, cacheRules, checkCacheOptions, over, type Transform } from '../options.ts'
import type { SourceDefaults } from '../source.ts'

/** What every source of an AWS service takes. */
export interface AwsOptions extends CacheOptions {
  /** A client of the AWS SDK v3. @defaultValue one for all sources of the service, with the SDK's defaults */
  client?: AwsClient
  /**
   * How the value is made of what was fetched. What one function makes is kept for all who read by it; one that is written
   * within the function of a request runs for each request. @defaultValue as it is
   */
  transform?: Transform
}

/** @throws TypeError that names the factory, the option, what was expected and what was received. */
export const checkAwsOptions = <Options extends AwsOptions>(
  factory: string,
  service: Service,
  rules: Omit<Rules<Options>, keyof AwsOptions>,
  options: Options | undefined,
): Options => {
  const all = {
    client: aClientOf(service),
    transform: aTransform,
    ...cacheRules,
    ...rules,
  } as unknown as Rules<Options>
  const checked = checkOptions<Options>(factory, all, options)
  checkCacheOptions(factory, checked)
  return checked
}

/** The options a source has been given, over those that its middleware has for all. */
export const merge = <Options extends AwsOptions>(
  service: Service,
  { client, ...defaults }: SourceDefaults,
  given: Options,
): Options => {
  const ofService = clientFor(service, client)
  return over({ ...defaults, client: ofService }, given)
}
