import { clearTimeout, setTimeout } from 'node:timers'
import { DatabaseConnectError, DriverMissingError } from '../errors.ts'
import { backoff } from './backoff.ts'
import type { PoolDriver } from './driver.ts'

type ConnectingDriver = Pick<PoolDriver<unknown, unknown>, 'name' | 'credentialsCanChange' | 'diagnose'>

/** One request's attempts to connect, of which at least one has failed. */
export class Attempts {
  readonly #driver: ConnectingDriver
  #failed = 0
  #refused = false
  #failure: unknown
  #retry: NodeJS.Timeout | undefined

  constructor(driver: ConnectingDriver) {
    this.#driver = driver
  }

  /** What the last failure means for a request whose time is up. */
  get error(): DatabaseConnectError {
    return this.#error(true)
  }

  /** Has `again` called, at once or after a while; or returns why another attempt would be of no use. */
  fail(error: unknown, again: () => void): DatabaseConnectError | DriverMissingError | undefined {
    // Of what makes the credentials.
    if (error instanceof DriverMissingError) return error
    this.#failed += 1
    this.#failure = error
    const { kind } = this.#driver.diagnose(error)
    switch (kind) {
      case 'transient':
        this.#retry = setTimeout(again, backoff(this.#failed))
        return undefined
      case 'authentication':
        if (this.#refused || !this.#driver.credentialsCanChange) return this.#error(false)
        this.#refused = true
        again()
        return undefined
      case 'permanent':
        return this.#error(false)
      default:
        return kind satisfies never
    }
  }

  stop(): void {
    clearTimeout(this.#retry)
  }

  #error(transient: boolean): DatabaseConnectError {
    const { name: database } = this.#driver
    const { remedy } = this.#driver.diagnose(this.#failure)
    return new DatabaseConnectError({ database, attempts: this.#failed, transient }, remedy, this.#failure)
  }
}
