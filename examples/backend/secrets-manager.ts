import { pageOf } from './page.ts'
import type { Operations } from './protocol.ts'
import type { Secrets, SecretVersion } from './secrets.ts'
import { ServiceError } from './service-error.ts'

interface GetSecretValue {
  readonly SecretId: string
  readonly VersionId?: string
  readonly VersionStage?: string
}

interface BatchGetSecretValue {
  readonly SecretIdList?: readonly string[]
  readonly NextToken?: string
}

const mostSecrets = 20
const arnPrefix = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:'
const arnSuffix = '-AbCdEf'

/** What Secrets Manager answers. */
export const secretOperations = (secrets: Secrets): Operations => ({
  GetSecretValue: (request: GetSecretValue) => ({ body: getSecretValue(secrets, request) }),

  BatchGetSecretValue: ({ SecretIdList, NextToken }: BatchGetSecretValue) => {
    if (SecretIdList === undefined)
      throw new ServiceError('InvalidParameterException', 'This backend takes a SecretIdList and no Filters.')
    if (SecretIdList.length < 1 || SecretIdList.length > mostSecrets)
      throw new ServiceError(
        'ValidationException',
        "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: Member must have length " +
          `less than or equal to ${mostSecrets} and greater than or equal to 1`,
      )
    const refuse = () => new ServiceError('InvalidNextTokenException', 'The NextToken value is invalid.')
    const { items, next } = pageOf(SecretIdList, secrets.pageSize, NextToken, refuse)
    const SecretValues: object[] = []
    const Errors: object[] = []
    for (const SecretId of items) {
      try {
        SecretValues.push(getSecretValue(secrets, { SecretId }))
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error
        Errors.push({ SecretId, ErrorCode: error.name, Message: error.message })
      }
    }
    return { body: { SecretValues, Errors, ...next } }
  },
})

const getSecretValue = (secrets: Secrets, { SecretId, VersionId, VersionStage }: GetSecretValue): object => {
  const name = nameOf(SecretId)
  const versions = secrets.versionsOf(name)
  if (versions === undefined)
    throw new ServiceError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
  const stage = VersionStage ?? (VersionId === undefined ? 'AWSCURRENT' : undefined)
  const found = versions.find(
    ({ versionId, stages }) =>
      (VersionId === undefined || VersionId === versionId) && (stage === undefined || stages.includes(stage)),
  )
  if (found !== undefined) return describe(name, found)
  const missing = VersionId === undefined ? `staging label: ${stage}` : `VersionId: ${VersionId}`
  const message = `Secrets Manager can't find the specified secret value for ${missing}`
  throw new ServiceError('ResourceNotFoundException', message)
}

/** The name in an ARN, whole or without the six characters at its end. */
const nameOf = (id: string): string => {
  if (!id.startsWith(arnPrefix)) return id
  const name = id.slice(arnPrefix.length)
  return name.endsWith(arnSuffix) ? name.slice(0, -arnSuffix.length) : name
}

const describe = (name: string, { versionId, value, stages, created }: SecretVersion): object => ({
  ARN: arnPrefix + name + arnSuffix,
  CreatedDate: created,
  Name: name,
  ...('string' in value
    ? { SecretString: value.string }
    : { SecretBinary: Buffer.from(value.binary).toString('base64') }),
  VersionId: versionId,
  VersionStages: stages,
})
