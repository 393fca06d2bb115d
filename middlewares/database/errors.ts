import { ManagedError } from '../../src/errors.ts'

/**
 * The database can't be connected to: for good, or not within the time the request had. The `cause` is the driver's error.
 *
 * @example
 * ```ts
 * import { DatabaseConnectError } from 'middy-managed-instances/database'
 *
 * const attemptsOf = (error: unknown): number => (error instanceof DatabaseConnectError ? error.data.attempts : 0)
 * ```
 */
export class DatabaseConnectError extends ManagedError<{
  readonly database: string
  readonly attempts: number
  readonly transient: boolean
}> {
  override readonly name = 'DatabaseConnectError'
  readonly code = 'DATABASE_CONNECT'
  override readonly retryable: boolean

  constructor(data: DatabaseConnectError['data'], remedy: string, cause: unknown) {
    const attempts = data.attempts === 1 ? '1 attempt' : `${data.attempts} attempts`
    super(`${data.database}: can't connect (${reasonOf(cause)}, ${attempts}). ${remedy}`, data, { cause })
    this.retryable = data.transient
  }
}

const reasonOf = (cause: unknown): string => {
  const { message, errors } = cause as Partial<AggregateError>
  // What Node.js says of a host with several addresses.
  if (message === '' && errors !== undefined) return errors.map(reasonOf).join(', ')
  return message ?? String(cause)
}

/**
 * No connection came free in the time the request had to wait (`data.waited`, milliseconds): all of this worker's share
 * were lent, or being opened or restored.
 *
 * @example
 * ```ts
 * import { DatabaseBusyError } from 'middy-managed-instances/database'
 *
 * const statusOf = (error: unknown): number => (error instanceof DatabaseBusyError ? 503 : 500)
 * ```
 */
export class DatabaseBusyError extends ManagedError<{
  readonly database: string
  readonly waited: number
  readonly lent: number
  readonly connections: number
}> {
  override readonly name = 'DatabaseBusyError'
  readonly code = 'DATABASE_BUSY'
  override readonly retryable = true

  constructor(data: DatabaseBusyError['data']) {
    const { lent, connections } = data
    const others = lent < connections ? ', the others are being opened or restored' : ''
    super(
      `${data.database}: no connection came free within ${data.waited} ms; ${lent} of this worker's ${connections} are lent${others}. ` +
        'Hold a client for less time, give clients of acquire() back early, or raise connections.',
      data,
    )
  }
}

/**
 * A client was asked for after the database had been closed, by `close()` or because the environment ends.
 *
 * @example
 * ```ts
 * import { DatabaseClosedError } from 'middy-managed-instances/database'
 *
 * const isShutdown = (error: unknown): boolean => error instanceof DatabaseClosedError
 * ```
 */
export class DatabaseClosedError extends ManagedError<{ readonly database: string }> {
  override readonly name = 'DatabaseClosedError'
  readonly code = 'DATABASE_CLOSED'

  constructor(database: string) {
    super(`${database}: it has been closed and opens no more. Close it only when no more requests come.`, { database })
  }
}

/**
 * The npm package of a driver, or of what makes its credentials, is not installed or not in the bundle.
 *
 * @example
 * ```ts
 * import { DriverMissingError } from 'middy-managed-instances/database'
 *
 * const missing = (error: unknown): string | undefined =>
 *   error instanceof DriverMissingError ? error.data.packageName : undefined
 * ```
 */
export class DriverMissingError extends ManagedError<{ readonly feature: string; readonly packageName: string }> {
  override readonly name = 'DriverMissingError'
  readonly code = 'DRIVER_MISSING'

  constructor(feature: string, packageName: string, cause: unknown) {
    super(
      `${feature}: the package "${packageName}" can't be loaded. Run "npm install ${packageName}", and leave it in the bundle.`,
      { feature, packageName },
      { cause },
    )
  }
}
