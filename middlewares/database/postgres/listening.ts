import { setTimeout as wait } from 'node:timers/promises'
import { callBack } from '../../../src/call-back.ts'
import type { Lease } from '../../../src/database-adapter.ts'
import { logLine } from '../../../src/log.ts'
import { DatabaseClosedError } from '../errors.ts'
import { backoff } from '../pool/backoff.ts'
import { inContext } from '../pool/in-context.ts'
import type { PostgresConnection } from './connection.ts'

type Listener = (payload: string) => unknown

/** That a request listens, until `unlisten()`, which never rejects. */
export interface Subscription {
  readonly state: unknown
  readonly unlisten: () => Promise<void>
}

/** Those who listen to one channel. */
interface Channel {
  readonly listeners: Set<Listener>
  /** Whether the server has accepted it. */
  isKnown: boolean
}

const quoted = (channel: string): string => `"${channel.replaceAll('"', '""')}"`

/** The channels the requests of one worker listen to: over one of its connections, lent while there is any. */
export class Listening {
  readonly #name: string
  readonly #lend: () => Promise<Lease<PostgresConnection>>
  readonly #onError: (error: unknown) => void
  readonly #channels = new Map<string, Channel>()
  #lending: Promise<Lease<PostgresConnection>> | undefined
  #hearing: Promise<void> | undefined

  constructor(name: string, lend: () => Promise<Lease<PostgresConnection>>, onError: (error: unknown) => void) {
    this.#name = name
    this.#lend = lend
    this.#onError = onError
  }

  async listen(channel: string, listener: Listener): Promise<Subscription> {
    const bound = inContext((payload: string) =>
      callBack(
        () => listener(payload),
        (cause) => this.#report(channel, cause),
      ),
    )
    const entry = this.#channels.get(channel) ?? { listeners: new Set(), isKnown: false }
    entry.listeners.add(bound)
    this.#channels.set(channel, entry)
    try {
      const { client } = await this.#connected()
      const { state } = await client.ask(`LISTEN ${quoted(channel)}`)
      entry.isKnown = true
      return { state, unlisten: () => this.#unlisten(channel, bound) }
    } catch (error) {
      await this.#unlisten(channel, bound)
      throw error
    }
  }

  #connected(): Promise<Lease<PostgresConnection>> {
    if (this.#lending !== undefined) return this.#lending
    // One whose connection was lost may have a successor already.
    const forget = (): void => {
      if (this.#lending === lending) this.#lending = undefined
    }
    const lending = this.#connect(() => {
      forget()
      this.#hearing ??= this.#hearAgain()
    })
    this.#lending = lending
    lending.catch(forget)
    return lending
  }

  /** What was sent meanwhile is gone; what comes from here on is heard, for as long as anybody listens. */
  async #hearAgain(): Promise<void> {
    for (let attempt = 1; this.#channels.size > 0; attempt++) {
      await wait(backoff(attempt), undefined, { ref: false })
      if (await this.#isHeardAgain()) break
    }
    this.#hearing = undefined
  }

  /** Whether it is, or nobody listens, or never will be. */
  async #isHeardAgain(): Promise<boolean> {
    try {
      if (this.#channels.size > 0) await this.#connected()
      return true
    } catch (error) {
      if (error instanceof DatabaseClosedError) return true
      this.#onError(error)
      return false
    }
  }

  async #connect(lost: () => void): Promise<Lease<PostgresConnection>> {
    const lease = await this.#lend()
    const connection = lease.client
    connection.listen({
      notify: (channel, payload) => this.#pass(channel, payload),
      lost: () => {
        void lease.end(undefined)
        lost()
      },
    })
    try {
      for (const [channel, { isKnown }] of this.#channels)
        if (isKnown) await connection.ask(`LISTEN ${quoted(channel)}`)
      return lease
    } catch (error) {
      // One that is lost is told of, for those who have listened before.
      if (connection.loss === undefined) await giveBack(lease)
      throw error
    }
  }

  async #unlisten(channel: string, listener: Listener): Promise<void> {
    const entry = this.#channels.get(channel)
    if (!entry?.listeners.delete(listener) || entry.listeners.size > 0) return
    this.#channels.delete(channel)
    const lease = await this.#lending?.catch(() => undefined)
    if (lease === undefined) return
    if (this.#channels.size === 0) await this.#release(lease)
    else if (!this.#channels.has(channel)) await lease.client.ask(`UNLISTEN ${quoted(channel)}`).catch(() => {})
  }

  async #release(lease: Lease<PostgresConnection>): Promise<void> {
    this.#lending = undefined
    await giveBack(lease)
  }

  #pass(channel: string, payload: string): void {
    for (const listener of this.#channels.get(channel)?.listeners ?? []) listener(payload)
  }

  #report(channel: string, cause: unknown): void {
    const message = `${this.#name}: a listener of sql.listen() threw.`
    logLine('ERROR', { message, channel, cause: cause instanceof Error ? cause.stack : cause })
  }
}

const giveBack = async (lease: Lease<PostgresConnection>): Promise<void> => {
  lease.client.listen(undefined)
  await lease.end(undefined)
}
