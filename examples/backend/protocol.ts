import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { ServiceError } from './service-error.ts'

export type ServiceName = 'ssm' | 'secretsmanager' | 'appconfigdata'

/** One call of an operation, whatever its way over HTTP was. */
export interface Invocation {
  readonly service: ServiceName
  readonly operation: string
  /** What the SDK's command was given. */
  readonly request: object
}

export interface Answer {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes go out as they are, anything else as JSON. */
  readonly body: object
}

/** The operations of one service by their names. */
export type Operations = Readonly<Record<string, (request: never) => Answer>>

const targets: Readonly<Record<string, ServiceName>> = { AmazonSSM: 'ssm', secretsmanager: 'secretsmanager' }

/** Reads AWS JSON 1.1, which names its operation in a header, and the REST JSON of AppConfigData, which does in the path. */
export const readInvocation = async (message: IncomingMessage): Promise<Invocation> => {
  const body = await text(message)
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://localhost')
  switch (`${message.method} ${pathname}`) {
    case 'POST /': {
      const [prefix = '', operation = ''] = String(message.headers['x-amz-target']).split('.')
      const service = targets[prefix]
      if (service !== undefined) return { service, operation, request: parse(body) }
      break
    }
    case 'POST /configurationsessions':
      return { service: 'appconfigdata', operation: 'StartConfigurationSession', request: parse(body) }
    case 'GET /configuration': {
      const request = { ConfigurationToken: searchParams.get('configuration_token') ?? '' }
      return { service: 'appconfigdata', operation: 'GetLatestConfiguration', request }
    }
  }
  throw new ServiceError('UnknownOperationException', `This backend does not know ${message.method} ${message.url}.`)
}

const parse = (body: string): object => {
  try {
    return JSON.parse(body)
  } catch {
    throw new ServiceError('SerializationException', 'The body is not JSON.')
  }
}

/** An error as its service would send it: AWS JSON names it in the body, REST JSON in a header. */
export const errorAnswer = (error: ServiceError, service?: ServiceName): Answer => {
  const { name, message, status, details } = error
  if (service === 'appconfigdata')
    return { status, headers: { 'x-amzn-errortype': name }, body: { Message: message, ...details } }
  return { status, body: { __type: name, message, ...details } }
}

export const sendAnswer = (response: ServerResponse, { status = 200, headers, body }: Answer): void => {
  const bytes = body instanceof Uint8Array ? body : JSON.stringify(body)
  const contentType = body instanceof Uint8Array ? 'application/octet-stream' : 'application/x-amz-json-1.1'
  response.writeHead(status, { 'content-type': contentType, 'x-amzn-requestid': randomUUID(), ...headers }).end(bytes)
}
