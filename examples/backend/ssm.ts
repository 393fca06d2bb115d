import { createHash } from 'node:crypto'
import { pageOf } from './page.ts'
import type { Parameters, ParameterVersion } from './parameters.ts'
import type { Operations } from './protocol.ts'
import { ServiceError } from './service-error.ts'

interface Decryption {
  readonly WithDecryption?: boolean
}

interface ByPath extends Decryption {
  readonly Path: string
  readonly Recursive?: boolean
  readonly MaxResults?: number
  readonly NextToken?: string
}

const mostNames = 10
const arnPrefix = 'arn:aws:ssm:us-east-1:123456789012:parameter'
const validName = /^[\w.\-/]{1,2048}$/

const invalid = (message: string): ServiceError => new ServiceError('ValidationException', message)

/** What Systems Manager's Parameter Store answers. */
export const parameterOperations = (parameters: Parameters): Operations => ({
  GetParameter: ({ Name, WithDecryption }: Decryption & { readonly Name: string }) => {
    const { name, selector } = parseName(parameters, Name)
    const found = parameters.find(name, selector)
    if (found !== undefined) return { body: { Parameter: describe(found, selector, WithDecryption) } }
    if (!parameters.has(name)) throw new ServiceError('ParameterNotFound', '')
    throw new ServiceError('ParameterVersionNotFound', `Systems Manager could not find version ${selector} of ${name}.`)
  },

  GetParameters: ({ Names, WithDecryption }: Decryption & { readonly Names: readonly string[] }) => {
    if (Names.length < 1 || Names.length > mostNames)
      throw invalid(
        `1 validation error detected: Value '[${Names.join(', ')}]' at 'names' failed to satisfy constraint: ` +
          `Member must have length less than or equal to ${mostNames} and greater than or equal to 1`,
      )
    const found = Names.map((requested) => {
      const { name, selector } = parseName(parameters, requested)
      return { requested, selector, version: parameters.find(name, selector) }
    })
    return {
      body: {
        Parameters: found.flatMap(({ version, selector }) =>
          version === undefined ? [] : describe(version, selector, WithDecryption),
        ),
        InvalidParameters: found.flatMap(({ version, requested }) => (version === undefined ? requested : [])),
      },
    }
  },

  GetParametersByPath: ({ Path, Recursive = false, WithDecryption, MaxResults = mostNames, NextToken }: ByPath) => {
    if (!Path.startsWith('/') || !validName.test(Path)) throw invalid(`The path ${Path} must begin with a slash.`)
    if (!(MaxResults >= 1 && MaxResults <= mostNames)) throw invalid(`MaxResults must be 1 to ${mostNames}.`)
    const names = parameters.names.filter((name) => isBelow(Path, name, Recursive))
    const refuse = () => new ServiceError('InvalidNextToken', 'The specified token is not valid.')
    const { items, next } = pageOf(names, MaxResults, NextToken, refuse)
    const found = items.flatMap((name) => parameters.find(name) ?? [])
    return { body: { Parameters: found.map((version) => describe(version, undefined, WithDecryption)), ...next } }
  },
})

/** Takes a name or an ARN apart, each with or without `:version` or `:label`. */
const parseName = (parameters: Parameters, requested: string): { name: string; selector: string | undefined } => {
  const [, path] = /^arn:[^:]+:ssm:[^:]*:[^:]*:parameter(\/.+)$/.exec(requested) ?? []
  const [whole = '', selector] = (path ?? requested).split(':')
  // The ARN of a name without a slash has one before it all the same.
  const name = path === undefined || parameters.has(whole) ? whole : whole.replace(/^\/(?=[^/]+$)/, '')
  if (!validName.test(name))
    throw invalid(`Parameter name: ${requested} has other symbols than letters, numbers and .-_/`)
  return { name, selector }
}

const isBelow = (path: string, name: string, recursive: boolean): boolean => {
  const folder = path.endsWith('/') ? path : `${path}/`
  return name.startsWith(folder) && (recursive || !name.slice(folder.length).includes('/'))
}

const encrypt = (value: string): string => `AQICAH${createHash('sha512').update(value).digest('base64')}`

const describe = (
  { name, type, value, version, modified }: ParameterVersion,
  selector: string | undefined,
  withDecryption = false,
): object => ({
  ARN: `${arnPrefix}${name.startsWith('/') ? '' : '/'}${name}`,
  DataType: 'text',
  LastModifiedDate: modified,
  Name: name,
  ...(selector === undefined ? {} : { Selector: `:${selector}` }),
  Type: type,
  Value: type === 'SecureString' && !withDecryption ? encrypt(value) : value,
  Version: version,
})
