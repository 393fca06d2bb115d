import { clearTimeout, setTimeout } from 'node:timers'
import { DatabaseConnectError, DriverMissingError } from '../errors.ts'
import { backoff } from './backoff.ts'
import type { PoolDriver } from './driver.ts'

type ConnectingDriver = Pick<PoolDriver<unknown, unknown>, 'name' | 'credentialsCanChange' | 'diagnose'>

/** What a request is told of a failure to connect; of a package that is missing for the credentials, just that. */
export const connectErrorOf = (
  driver: Pick<ConnectingDriver, 'name' | 'diagnose'>,
  cause: unknown,
  { attempts, transient }: { attempts: number; transient: boolean },
): Error => {
  if (cause instanceof DriverMissingError) return cause
  const data = { database: driver.name, attempts, transient }
  return new DatabaseConnectError(data, driver.diagnose(cause).remedy, cause)
}

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
  get error(): Error {
    return this.#error(true)
  }

  /** Has `again` called, at once or after a while; or returns why another attempt would be of no use. */
  fail(error: unknown, again: () => void): Error | undefined {
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

  #error(transient: boolean): Error {
    return connectErrorOf(this.#driver, this.#failure, { attempts: this.#failed, transient })
  }
}
