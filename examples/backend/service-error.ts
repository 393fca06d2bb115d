import type { ServiceName } from './protocol.ts'

/** What a service answers instead of a result; its name is the `error.name` the SDK's caller sees. */
export class ServiceError extends Error {
  readonly status: number
  /** What the body has besides the message. */
  readonly details: object

  constructor(name: string, message: string, status = 400, details: object = {}) {
    super(message)
    this.name = name
    this.status = status
    this.details = details
  }
}

/** The answer of a service that is called too often. */
export const throttling = (service: ServiceName): ServiceError =>
  new ServiceError('ThrottlingException', 'Rate exceeded', service === 'appconfigdata' ? 429 : 400)

const internalErrors = {
  ssm: 'InternalServerError',
  secretsmanager: 'InternalServiceError',
  appconfigdata: 'InternalServerException',
} satisfies Record<ServiceName, string>

/** The answer of a service that is broken. */
export const internalError = (service: ServiceName, message = 'An internal error occurred.'): ServiceError =>
  new ServiceError(internalErrors[service], message, 500)
