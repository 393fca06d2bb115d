import { randomBytes, randomUUID } from 'node:crypto'
import { EventInvalidError } from './errors.ts'
import { Invocation } from './invocation.ts'
import type { InvokeOptions } from './invoke-options.ts'
import type { ResolvedOptions } from './options.ts'
import { payloadLimit } from './results.ts'
import { regionOf } from './variables.ts'

/** An event and its options, which are checked, as an invocation that is ready to be submitted. */
export function createInvocation(
  event: unknown,
  options: InvokeOptions,
  defaults: ResolvedOptions,
  onStream?: Invocation['onStream'],
): Invocation {
  const {
    timeout = defaults.timeout,
    clientContext,
    tenantId,
    traceId = newTraceId(),
    requestId = randomUUID(),
  } = options
  const headers: Record<string, string> = {
    'lambda-runtime-invoked-function-arn': `arn:aws:lambda:${regionOf(defaults)}:000000000000:function:${defaults.functionName}`,
    'lambda-runtime-trace-id': traceId,
  }
  if (tenantId !== undefined) headers['lambda-runtime-aws-tenant-id'] = tenantId
  if (clientContext !== undefined) headers['lambda-runtime-client-context'] = toAscii(JSON.stringify(clientContext))
  return new Invocation({ id: requestId, body: toJson(event), timeout, headers, onStream })
}

function toJson(event: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(event)
  } catch (cause) {
    throw new EventInvalidError(`it has no JSON form (${String(cause)})`, { cause })
  }
  if (json === undefined) throw new EventInvalidError(`it has no JSON form (a ${typeof event})`)
  if (json.length > payloadLimit / 3 && Buffer.byteLength(json) > payloadLimit) {
    throw new EventInvalidError(`its JSON has ${Buffer.byteLength(json)} bytes`)
  }
  return json
}

// A header takes no other characters, and JSON has an escape for each of them.
function toAscii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function newTraceId(): string {
  const random = randomBytes(20).toString('hex')
  const seconds = Math.floor(Date.now() / 1000).toString(16)
  return `Root=1-${seconds}-${random.slice(0, 24)};Parent=${random.slice(24)};Sampled=0`
}
