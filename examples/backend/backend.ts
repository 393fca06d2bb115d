import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers'
import { configurationOperations } from './app-config-data.ts'
import { Calls } from './calls.ts'
import { Configurations } from './configurations.ts'
import { type Affected, type Fault, Faults } from './faults.ts'
import { Parameters } from './parameters.ts'
import {
  type Answer,
  errorAnswer,
  type Invocation,
  type Operations,
  readInvocation,
  type ServiceName,
  sendAnswer,
} from './protocol.ts'
import { Secrets } from './secrets.ts'
import { secretOperations } from './secrets-manager.ts'
import { internalError, ServiceError, throttling } from './service-error.ts'
import { parameterOperations } from './ssm.ts'

export interface BackendOptions {
  /** How long each answer takes, in milliseconds; default 0. */
  readonly latency?: number
  /** The time in milliseconds that AppConfig's poll intervals are measured by; default `Date.now`. */
  readonly now?: () => number
}

/** Systems Manager parameters, Secrets Manager and AppConfigData on loopback, for the real AWS SDK; everything is in memory. */
export class Backend {
  readonly parameters: Parameters = new Parameters()
  readonly secrets: Secrets = new Secrets()
  readonly configurations: Configurations = new Configurations()
  /** Every call there was. */
  readonly calls: Calls = new Calls()
  /** How long each answer takes, in milliseconds, from the next call on. */
  latency: number
  readonly #server: Server
  readonly #services: Readonly<Record<ServiceName, Operations>>
  readonly #faults = new Faults()
  #limit = Number.POSITIVE_INFINITY
  #admitted = 0

  constructor(server: Server, { latency = 0, now = Date.now }: BackendOptions) {
    this.latency = latency
    this.#server = server
    this.#services = {
      ssm: parameterOperations(this.parameters),
      secretsmanager: secretOperations(this.secrets),
      appconfigdata: configurationOperations(this.configurations, now),
    }
    server.on('request', (message, response) => void this.#serve(message, response))
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The environment variables by which the AWS SDK finds this backend, and no other service. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_SSM: this.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: this.endpoint,
      AWS_ENDPOINT_URL_APPCONFIGDATA: this.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'EXAMPLE',
    }
  }

  /** The same as options of a client in this process. */
  get clientOptions(): {
    endpoint: string
    region: string
    credentials: { accessKeyId: string; secretAccessKey: string }
  } {
    const credentials = { accessKeyId: 'EXAMPLE', secretAccessKey: 'EXAMPLE' }
    return { endpoint: this.endpoint, region: 'us-east-1', credentials }
  }

  /** Starts an outage, of everything or of what `affected` names, and returns how to end it. Of several the first one strikes. */
  fail(fault: Fault, affected: Affected = {}): () => void {
    return this.#faults.start(fault, affected)
  }

  /** Throttles the calls that come while so many others are served; `Infinity` ends it. */
  throttleAbove(calls: number): void {
    this.#limit = calls
  }

  /** Ends every outage and the throttling; calls that hang already stay so. */
  recover(): void {
    this.#faults.clear()
    this.#limit = Number.POSITIVE_INFINITY
  }

  /** Stops at once: calls in flight are dropped. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    let invocation: Invocation
    try {
      invocation = await readInvocation(message)
    } catch (error) {
      if (!(error instanceof ServiceError)) return void response.destroy()
      return sendAnswer(response, errorAnswer(error))
    }
    const end = this.calls.begin(invocation)
    response.once('close', () => end(response.writableFinished ? response.statusCode : undefined))
    const answer = this.#admits(response)
      ? this.#answer(invocation)
      : refusal(throttling(invocation.service), invocation)
    if (answer === 'hang') return
    const deliver = () => (answer === 'drop' ? message.socket.resetAndDestroy() : sendAnswer(response, answer))
    if (this.latency === 0) return void deliver()
    const timer = setTimeout(deliver, this.latency)
    response.once('close', () => clearTimeout(timer))
  }

  /** Refused calls take no place: else a crowd of them would keep everybody out. */
  #admits(response: ServerResponse): boolean {
    if (this.#admitted >= this.#limit) return false
    this.#admitted++
    response.once('close', () => this.#admitted--)
    return true
  }

  #answer(invocation: Invocation): Answer | 'drop' | 'hang' {
    const effect = this.#faults.strike(invocation)
    if (effect === 'drop' || effect === 'hang') return effect
    if (effect !== undefined) return refusal(effect, invocation)
    const operation = this.#services[invocation.service][invocation.operation]
    try {
      if (operation === undefined)
        throw new ServiceError('UnknownOperationException', `This backend does not know ${invocation.operation}.`)
      return operation(invocation.request as never)
    } catch (error) {
      const known = error instanceof ServiceError ? error : internalError(invocation.service, String(error))
      return refusal(known, invocation)
    }
  }
}

const refusal = (error: ServiceError, { service }: Invocation): Answer => errorAnswer(error, service)

/**
 * Starts a backend on a port of its own.
 *
 * @example
 * const backend = await startBackend({ latency: 30 })
 * backend.parameters.set('/orders/bucket', { value: 'uploads' })
 * const ssm = new SSMClient(backend.clientOptions)
 * const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/orders/bucket' }))
 * await backend.stop()
 */
export const startBackend = async (options: BackendOptions = {}): Promise<Backend> => {
  // The SDK keeps its connections: one that the server closes while idle could reset the next call.
  const server = createServer({ keepAliveTimeout: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new Backend(server, options)
}
