import { aBoolean, invalidOption, text } from '../../../src/options.ts'
import type { Source } from '../../../src/source.ts'
import { identify } from '../aws/clients.ts'
import { secretBatchFetcher, secretFetcher } from '../aws/secrets.ts'
import { ParameterTransformError } from '../errors.ts'
import { CachedSource } from '../source.ts'
import { type AwsOptions, checkAwsOptions, merge } from './aws-options.ts'
import type { Json, Untransformed, WithTransform } from './types.ts'

/** What `secret()` takes. */
export interface SecretOptions extends AwsOptions {
  /** The stage of the version: `'AWSPENDING'`, `'AWSPREVIOUS'` or a label of your own. @defaultValue 'AWSCURRENT' */
  versionStage?: string
  /** The version itself. @defaultValue the one of the stage */
  versionId?: string
  /**
   * Whether it is fetched together with up to 19 others. That call has a quota of 100 a second against 10,000, needs the
   * right `secretsmanager:BatchGetSecretValue` as well, and knows no versions. @defaultValue false
   */
  batch?: boolean
}

const service = 'Secrets Manager'
const rules = { versionStage: text, versionId: text, batch: aBoolean }

const idOrArn = /^(?:arn:[^\s:]+:secretsmanager:[\w-]+:\d+:secret:[\w/+=.@!-]+|[\w/+=.@!-]{1,512})$/

/**
 * A secret of AWS Secrets Manager: its text, or what `transform` makes of it. The function's role needs
 * `secretsmanager:GetSecretValue`, and `kms:Decrypt` for a key of your own.
 *
 * {@link https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html | Source}
 *
 * @param id - a name or an ARN.
 * @throws TypeError for a malformed id, an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { secret } from 'middy-managed-instances/parameters'
 *
 * const credentials = secret<{ user: string; password: string }>('orders/db', { transform: 'json' })
 * const { user } = await credentials.get()
 * console.log(user)
 * ```
 */
export function secret(id: string, options?: Untransformed<SecretOptions>): Source<string>
export function secret<T = Json>(id: string, options: WithTransform<SecretOptions, 'json'>): Source<T>
export function secret(id: string, options: WithTransform<SecretOptions, 'binary'>): Source<Uint8Array>
export function secret<T>(id: string, options: WithTransform<SecretOptions, (raw: string) => T>): Source<T>
export function secret(id: string, options?: SecretOptions): Source<unknown> {
  if (typeof id !== 'string' || !idOrArn.test(id))
    throw invalidOption('secret()', 'id', "a secret's name, as 'orders/db', or its ARN", id)
  const checked = checkAwsOptions<SecretOptions>('secret()', service, rules, options)
  const { batch, versionStage, versionId } = checked
  if (batch && (versionStage ?? versionId) !== undefined)
    throw invalidOption(
      'secret()',
      'batch',
      'left out beside versionStage and versionId, which BatchGetSecretValue does not know',
      batch,
    )
  return createSecret(id, checked)
}

const createSecret = (id: string, options: SecretOptions): CachedSource<unknown> => {
  const { client, batch = false, versionStage, versionId, ...settings } = options
  const { suffix, shareable } = identify(service, client)
  const version = { stage: versionStage, version: versionId }
  const which = Object.entries(version).flatMap(([of, text]) =>
    text === undefined ? [] : `, ${of} ${JSON.stringify(text)}`,
  )
  const key = `secret(${JSON.stringify(id)}${which.join('')})${suffix}`
  const fetcher = batch ? secretBatchFetcher(client) : secretFetcher(client, { versionStage, versionId })
  const origin = { key, name: id, fetcher, shareable, transform: asText(key) }
  return new CachedSource(origin, settings, (defaults) => createSecret(id, merge(service, defaults, options)))
}

/** The type says text where there is no transform. */
const asText =
  (source: string) =>
  (raw: string | Uint8Array): string => {
    if (typeof raw === 'string') return raw
    throw new ParameterTransformError(source, 'none', 'it is binary', "Give it transform: 'binary'.")
  }
