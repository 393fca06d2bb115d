import { setImmediate as nextTurn } from 'node:timers/promises'
import { callBack } from '../../../src/call-back.ts'
import type { Lease, LeaseRequest } from '../../../src/database-adapter.ts'
import { runInBackground } from '../../../src/scope/background.ts'
import type { Ending } from '../../../src/scope/scope.ts'
import { tickInterval, type Watch, type Watched } from '../../../src/scope/watch.ts'
import { whenAborted } from '../../../src/when-aborted.ts'
import type { PoolConnection } from './driver.ts'
import type { Leak } from './leak.ts'
import { type Reset, restore } from './restore.ts'
import type { Turns } from './turns.ts'

/** Where a client was asked for. */
export interface Acquired {
  readonly stack?: string
}

/** What a lease takes from its pool. */
export interface LeaseSettings<L, M> {
  readonly name: string
  readonly map: (client: L) => M
  readonly reset: Reset
  readonly onLeak: (leak: Leak) => void
  /** Whether the answer waits for a connection that has to be restored. */
  readonly awaitsRestoration: boolean
  /** Where the connection goes back to. */
  readonly turns: Pick<Turns<unknown, L>, 'takeBack'>
  /** The leases that are lent. */
  readonly lent: Watch<PooledLease<L, M>>
}

/** A connection lent to one request. */
export class PooledLease<L, M> implements Lease<M>, Watched {
  index = 0
  due: number | undefined

  readonly client: M
  readonly #settings: LeaseSettings<L, M>
  readonly #request: LeaseRequest
  readonly #connection: PoolConnection<L>
  readonly #acquired: Acquired | undefined
  #state: 'lent' | 'seen' | 'ended' = 'lent'
  #unfollow: (() => void) | undefined
  #cancelling: Promise<void> | undefined

  constructor(
    settings: LeaseSettings<L, M>,
    request: LeaseRequest,
    connection: PoolConnection<L>,
    acquired: Acquired | undefined,
  ) {
    this.#settings = settings
    this.#request = request
    this.#connection = connection
    this.#acquired = acquired
    settings.lent.add(this)
    try {
      this.client = settings.map(connection.lend(request))
    } catch (error) {
      void this.end(undefined)
      throw error
    }
  }

  /** The signal is worth a listener to one that is still lent at the second look. */
  look(): number {
    const { signal } = this.#request
    if (signal.aborted) this.#cancel()
    else if (this.#state === 'lent') {
      this.#state = 'seen'
      return tickInterval
    } else this.#unfollow = whenAborted(signal, () => this.#cancel())
    return Number.POSITIVE_INFINITY
  }

  end(ending: Ending | undefined): Promise<void> | undefined {
    if (this.#state === 'ended') return undefined
    const { name, turns, lent, awaitsRestoration } = this.#settings
    this.#unfollow?.()
    this.#state = 'ended'
    lent.remove(this)
    this.#connection.revoke(ending)
    if (this.#isReturnable) {
      turns.takeBack(this.#connection, 'keep')
      return undefined
    }
    const restored = this.#restore(ending)
    runInBackground(`restoring a connection of ${name}`, restored)
    return awaitsRestoration ? restored : undefined
  }

  /** Ends what is running; the handler keeps the client, to leave things in order. */
  #cancel(): void {
    if (this.#state === 'ended' || this.#connection.state !== 'busy') return
    this.#cancelling = this.#connection.cancel()
    this.#cancelling.catch(() => {})
  }

  async #restore(ending: Ending | undefined): Promise<void> {
    const { turns, reset, awaitsRestoration } = this.#settings
    // The answer goes out first, which what is written here would hold up.
    if (!awaitsRestoration) await nextTurn()
    const fate = await restore(this.#connection, ending, {
      reset,
      cancelling: this.#cancelling,
      onLeak: (leak) => this.#report(leak, ending),
    })
    turns.takeBack(this.#connection, fate)
  }

  get #isReturnable(): boolean {
    if (this.#cancelling !== undefined) return false
    const { reset } = this.#settings
    const { state } = this.#connection
    return state === 'clean' ? reset !== 'always' : state === 'dirty' && reset === 'off'
  }

  #report(leak: Pick<Leak, 'kind' | 'action'>, ending: Ending | undefined): void {
    const { name, onLeak } = this.#settings
    const told = { ...leak, database: name, outcome: ending?.outcome, stack: callsOf(this.#acquired) }
    // The connection is in order, and nobody is left to be told.
    callBack(() => onLeak(told))
  }
}

/** The calls alone, without the line that names an error. */
const callsOf = (acquired: Acquired | undefined): string | undefined => acquired?.stack?.replace(/^.*\n/, '')
