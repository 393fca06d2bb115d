import { aBoolean, invalidOption } from '../../../src/options.ts'
import type { Source } from '../../../src/source.ts'
import { identify } from '../aws/clients.ts'
import { parameterFetcher, pathFetcher } from '../aws/ssm.ts'
import { CachedSource } from '../source.ts'
import { type AwsOptions, checkAwsOptions, merge } from './aws-options.ts'
import type { Json, Untransformed, WithTransform } from './types.ts'

/** What `ssm()` takes. */
export interface SsmOptions extends AwsOptions {
  /** Whether a SecureString is decrypted. @defaultValue true, which changes nothing for the other types */
  decrypt?: boolean
}

/** What `ssmPath()` takes. */
export interface SsmPathOptions extends SsmOptions {
  /** Whether what is below the path's own branches belongs to it too. @defaultValue true */
  recursive?: boolean
}

const service = 'SSM'
const rules = { decrypt: aBoolean }
const pathRules = { decrypt: aBoolean, recursive: aBoolean }

const nameOrArn = /^(?:arn:[^\s:]+:ssm:[\w-]*:\d*:parameter\/[\w.\-/]+|\/?[\w.-]+(?:\/[\w.-]+)*)(?::[\w.-]+)?$/
const longestName = 2048

const isName = (name: unknown): boolean =>
  typeof name === 'string' && name.length <= longestName && nameOrArn.test(name)

const isPath = (path: unknown): boolean =>
  typeof path === 'string' && path.startsWith('/') && (path === '/' || isName(path.replace(/\/$/, '')))

/**
 * A parameter of the Systems Manager Parameter Store: its text, or what `transform` makes of it. The parameters that all
 * requests ask for in one turn are fetched together, ten a call; the function's role needs `ssm:GetParameters`.
 *
 * {@link https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html | Source}
 *
 * @param name - a name, with a version or label if wanted, as in `'/orders/bucket:3'`, or an ARN.
 * @throws TypeError for a malformed name, an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { ssm } from 'middy-managed-instances/parameters'
 *
 * const bucket = ssm('/orders/bucket')
 * const limits = ssm<{ rows: number }>('/orders/limits', { transform: 'json', ttl: 60_000 })
 * console.log(await bucket.get(), (await limits.get()).rows)
 * ```
 */
export function ssm(name: string, options?: Untransformed<SsmOptions>): Source<string>
export function ssm<T = Json>(name: string, options: WithTransform<SsmOptions, 'json'>): Source<T>
export function ssm(name: string, options: WithTransform<SsmOptions, 'binary'>): Source<Uint8Array>
export function ssm<T>(name: string, options: WithTransform<SsmOptions, (raw: string) => T>): Source<T>
export function ssm(name: string, options?: SsmOptions): Source<unknown> {
  if (!isName(name)) throw invalidOption('ssm()', 'name', "a parameter's name, as '/orders/bucket', or its ARN", name)
  return createSsm(name, checkAwsOptions<SsmOptions>('ssm()', service, rules, options))
}

const createSsm = (name: string, options: SsmOptions): CachedSource<unknown> => {
  const { client, decrypt = true, ...settings } = options
  const { suffix, shareable } = identify(service, client)
  const key = `ssm(${JSON.stringify(name)}${decrypt ? '' : ', as stored'})${suffix}`
  const origin = { key, name, fetcher: parameterFetcher(client, decrypt), shareable }
  return new CachedSource(origin, settings, (defaults) => createSsm(name, merge(service, defaults, options)))
}

/**
 * All parameters below a path of the Parameter Store, by their names relative to it; `transform` is for each of them. A
 * path without parameters is empty. The function's role needs `ssm:GetParametersByPath`.
 *
 * {@link https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html | Source}
 *
 * @param path - begins with a slash.
 * @throws TypeError for a malformed path, an unknown option or one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { ssmPath } from 'middy-managed-instances/parameters'
 *
 * const settings = ssmPath('/orders')
 * const { bucket, 'limits/rows': rows } = await settings.get()
 * console.log(bucket, rows)
 * ```
 */
export function ssmPath(path: string, options?: Untransformed<SsmPathOptions>): Source<Readonly<Record<string, string>>>
export function ssmPath<T = Json>(
  path: string,
  options: WithTransform<SsmPathOptions, 'json'>,
): Source<Readonly<Record<string, T>>>
export function ssmPath(
  path: string,
  options: WithTransform<SsmPathOptions, 'binary'>,
): Source<Readonly<Record<string, Uint8Array>>>
export function ssmPath<T>(
  path: string,
  options: WithTransform<SsmPathOptions, (raw: string) => T>,
): Source<Readonly<Record<string, T>>>
export function ssmPath(path: string, options?: SsmPathOptions): Source<unknown> {
  if (!isPath(path)) throw invalidOption('ssmPath()', 'path', "a path that begins with a slash, as '/orders'", path)
  return createSsmPath(path, checkAwsOptions<SsmPathOptions>('ssmPath()', service, pathRules, options))
}

const createSsmPath = (path: string, options: SsmPathOptions): CachedSource<unknown> => {
  const { client, decrypt = true, recursive = true, transform, ...settings } = options
  const { suffix, shareable } = identify(service, client)
  const how = `${recursive ? '' : ', one level'}${decrypt ? '' : ', as stored'}`
  const key = `ssmPath(${JSON.stringify(path)}${how})${suffix}`
  const origin = { key, name: path, fetcher: pathFetcher(client, { path, recursive, decrypt }), shareable }
  const each = transform === undefined ? settings : { ...settings, transform: { each: transform } }
  return new CachedSource(origin, each, (defaults) => createSsmPath(path, merge(service, defaults, options)))
}
