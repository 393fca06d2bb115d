import { element } from './xml.ts'

/** An error as S3 answers it: a status, a code that becomes the SDK error's name, and a message. */
export class S3Error extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'S3Error'
    this.status = status
    this.code = code
  }

  toXml(resource: string, requestId: string): string {
    return element('Error', { Code: this.code, Message: this.message, Resource: resource, RequestId: requestId })
  }
}
