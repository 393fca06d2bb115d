import type { Rule } from '../../../src/options.ts'

/** As much of an AWS SDK client as a source needs. */
export interface AwsClient {
  // biome-ignore lint/suspicious/noExplicitAny: every client takes commands of its own
  send(command: any, options?: { abortSignal?: AbortSignal }): Promise<any>
}

/** The `serviceId` of the SDK's clients. */
export type Service = 'SSM' | 'Secrets Manager' | 'AppConfigData' | 'DynamoDB'

const isClient = (value: unknown): value is AwsClient =>
  typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function'

/** What a client says it is for; nothing if it is no client of the SDK's. */
const serviceOf = (client: AwsClient): string | undefined =>
  (client as { config?: { serviceId?: string } }).config?.serviceId

export const aClientOf = (service: Service): Rule => ({
  expected: `a client of the AWS SDK v3 for ${service}`,
  accepts: (value) => isClient(value) && (serviceOf(value) ?? service) === service,
})

export const aClientOrClients: Rule = {
  expected: 'a client of the AWS SDK v3, or an array of them, one for each service',
  accepts: (value) => (Array.isArray(value) ? value.every(isClient) : isClient(value)),
}

/** Of the clients that a middleware was given, the one for a service. */
export const clientFor = (service: Service, given: unknown): AwsClient | undefined => {
  const clients = Array.isArray(given) ? given : [given]
  return clients.find((client) => isClient(client) && (serviceOf(client) ?? service) === service)
}

/** What tells a client from others of its service. */
export interface ClientIdentity {
  /** Part of the key of what it fetches: the same in every worker for clients made at init, which all make alike. */
  readonly suffix: string
  /** Whether what it fetches may be shared with the other workers. */
  readonly shareable: boolean
}

const defaultClient: ClientIdentity = { suffix: '', shareable: true }
const known = new WeakMap<AwsClient, ClientIdentity>()
const made: Record<string, number> = {}

/**
 * Tells the clients of a service apart. One that is first given within a request may be made for it, as for a tenant, and
 * comes in another order in each worker.
 */
export const identify = (service: Service, client: AwsClient | undefined): ClientIdentity => {
  if (client === undefined) return defaultClient
  const found = known.get(client)
  if (found !== undefined) return found
  const inRequest = globalThis.awslambda?.InvokeStore?.hasContext() === true
  const kind = inRequest ? "a request's client" : 'client'
  const number = (made[`${service} ${kind}`] ?? 0) + 1
  made[`${service} ${kind}`] = number
  const identity = { suffix: ` by ${kind} ${number}`, shareable: !inRequest }
  known.set(client, identity)
  return identity
}

/** How a fetch comes by its client. */
export type ClientProvider = () => Promise<AwsClient>

/** Makes a client when it is first needed, and again if that failed. */
export const lazyClient = (create: ClientProvider): ClientProvider => {
  let creating: Promise<AwsClient> | undefined
  return () => {
    creating ??= create().catch((error) => {
      creating = undefined
      throw error
    })
    return creating
  }
}

/** Makes one `T` for each client, and one for the default client where none is given. */
export const perClient = <T>(
  defaultClient: ClientProvider,
  make: (client: ClientProvider) => T,
): ((client: AwsClient | undefined) => T) => {
  const made = new WeakMap<AwsClient, T>()
  const ofDefault = make(defaultClient)
  return (client) => {
    if (client === undefined) return ofDefault
    const found = made.get(client) ?? make(async () => client)
    made.set(client, found)
    return found
  }
}
