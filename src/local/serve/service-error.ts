import type { ServerResponse } from 'node:http'

/** An error of the Lambda service itself, as the SDKs know it. */
export class ServiceError extends Error {
  readonly statusCode: number
  readonly type: string
  readonly details: Readonly<Record<string, string>>

  constructor(statusCode: number, type: string, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message)
    this.statusCode = statusCode
    this.type = type
    this.details = details
  }

  send(response: ServerResponse): void {
    const party = this.statusCode < 500 ? 'User' : 'Service'
    const body = JSON.stringify({ Type: party, message: this.message, Message: this.message, ...this.details })
    response.writeHead(this.statusCode, { 'content-type': 'application/json', 'x-amzn-errortype': this.type }).end(body)
  }
}

export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  return new ServiceError(500, 'ServiceException', error instanceof Error ? error.message : String(error))
}
