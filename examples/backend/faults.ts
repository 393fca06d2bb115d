import type { Invocation, ServiceName } from './protocol.ts'
import { internalError, ServiceError, throttling } from './service-error.ts'

/** What a call gets instead of its answer: an error, a connection that is reset, or nothing for ever. */
export type Fault =
  | 'throttling'
  | 'internal error'
  | 'drop'
  | 'hang'
  | { readonly error: string; readonly message?: string; readonly status?: number }

/** The calls a fault hits: all, or those of one service or one operation, and by default for as long as it lasts. */
export interface Affected {
  readonly service?: ServiceName
  readonly operation?: string
  /** How many calls, until the fault is over by itself. */
  readonly times?: number
}

interface Outage {
  readonly fault: Fault
  readonly affected: Affected
  left: number
}

/** The outages that last. */
export class Faults {
  readonly #outages = new Set<Outage>()

  /** Starts an outage and returns how to end it. */
  start(fault: Fault, affected: Affected): () => void {
    const outage = { fault, affected, left: affected.times ?? Number.POSITIVE_INFINITY }
    this.#outages.add(outage)
    return () => void this.#outages.delete(outage)
  }

  /** Ends every outage. */
  clear(): void {
    this.#outages.clear()
  }

  /** What hits this call, if anything does. */
  strike({ service, operation }: Invocation): ServiceError | 'drop' | 'hang' | undefined {
    for (const outage of this.#outages) {
      const { affected, fault } = outage
      if ((affected.service ?? service) !== service || (affected.operation ?? operation) !== operation) continue
      outage.left--
      if (outage.left === 0) this.#outages.delete(outage)
      return effectOf(fault, service)
    }
    return undefined
  }
}

const effectOf = (fault: Fault, service: ServiceName): ServiceError | 'drop' | 'hang' => {
  switch (fault) {
    case 'throttling':
      return throttling(service)
    case 'internal error':
      return internalError(service)
    case 'drop':
    case 'hang':
      return fault
    default:
      return new ServiceError(fault.error, fault.message ?? fault.error, fault.status)
  }
}
