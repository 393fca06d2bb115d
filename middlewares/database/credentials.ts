import type { Rule } from '../../src/options.ts'
import { outsideRequests } from '../../src/scope/outside-requests.ts'
import { isSource, type Source } from '../../src/source.ts'
import { doneWithin } from './pool/bounded.ts'

/** A user's name and password; other fields, as secrets have them, are left alone. */
export interface Login {
  /** @defaultValue the user of the driver's configuration */
  readonly username?: string
  readonly password: string
}

/** What a connection is opened with: a login, or the password alone. */
export type Credential = Login | string

/**
 * Where credentials come from: as they are, from a function, or from a source like `secret('orders/db')`. A function or
 * source is asked for every physical connection, once for all that open at the same time.
 */
export type Credentials = Credential | (() => Credential | Promise<Credential>) | Source<Credential>

export const someCredentials: Rule = {
  expected: 'a password, an object with a password, a function or a source',
  accepts: (value) =>
    typeof value === 'string' || typeof value === 'function' || isSource(value) || passwordOf(value) !== undefined,
  // A password may be there by another name.
  shown: (value) =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.keys(value).map((key) => [key, '...']))
      : value,
}

const passwordOf = (value: unknown): string | undefined => {
  const password = typeof value === 'object' && value !== null && 'password' in value ? value.password : value
  return typeof password === 'string' ? password : undefined
}

/** A credential as a login; without a name it is that of the driver's configuration. */
export const loginOf = (credential: Credential): Login =>
  typeof credential === 'string' ? { password: credential } : credential

/** The credentials of one database, asked for each physical connection. */
export class CredentialStore {
  readonly #factory: string
  readonly #credentials: Credentials
  /** Milliseconds after which they are asked for anew. */
  readonly #patience: number
  #asking: Promise<Credential> | undefined
  #refused: Credential | undefined

  constructor(factory: string, credentials: Credentials, patience: number) {
    this.#factory = factory
    this.#credentials = credentials
    this.#patience = patience
  }

  /** Whether asking again may give other credentials. */
  get canChange(): boolean {
    return typeof this.#credentials === 'function' || isSource(this.#credentials)
  }

  /** What to open a connection with. What the server has refused is refreshed first. */
  get(): Promise<Credential> {
    if (this.#asking === undefined) {
      const done = (): void => {
        this.#asking = undefined
      }
      this.#asking = outsideRequests(() => this.#askInTime()).catch((reason) => {
        throw this.#errorOf(reason)
      })
      this.#asking.then(done, done)
    }
    return this.#asking
  }

  /** Notes that the server refuses these credentials. */
  refuse(credential: Credential): void {
    this.#refused = credential
  }

  async #askInTime(): Promise<Credential> {
    const asked = this.#ask()
    if (await doneWithin(this.#patience, asked)) return asked
    const message = `${this.#factory}: the credentials have not come within ${this.#patience} ms`
    throw Object.assign(new Error(message), { code: 'ETIMEDOUT' })
  }

  async #ask(): Promise<Credential> {
    const credentials = this.#credentials
    if (typeof credentials === 'function') return this.#askFunction(credentials)
    if (!isSource(credentials)) return credentials
    const credential = this.#check(await credentials.get())
    if (!this.#isRefused(credential)) return credential
    const refreshed = this.#check(await credentials.refresh())
    this.#refused = undefined
    return refreshed
  }

  /** Those who are refused while it is on its way wait for it too, and it may be the one of before. */
  async #askFunction(ask: () => Credential | Promise<Credential>): Promise<Credential> {
    const before = this.#refused
    const credential = this.#check(await ask())
    const isOutdated = this.#refused !== before && this.#isRefused(credential)
    return isOutdated ? this.#check(await ask()) : credential
  }

  /** A driver takes a failure with a falsy reason for none. */
  #errorOf(reason: unknown): unknown {
    if (typeof reason === 'object' && reason !== null) return reason
    const given = reason ? String(reason) : 'no reason was given'
    return new Error(`${this.#factory}: there are no credentials: ${given}`, { cause: reason })
  }

  /** A source may make a new object of the same secret, and an older one be refused after it. */
  #isRefused(credential: Credential): boolean {
    if (this.#refused === undefined) return false
    const [login, refused] = [loginOf(credential), loginOf(this.#refused)]
    return login.password === refused.password && login.username === refused.username
  }

  #check(credential: Credential): Credential {
    if (passwordOf(credential) !== undefined) return credential
    const found =
      typeof credential === 'object' && credential !== null
        ? `an object with the keys ${Object.keys(credential).join(', ')}`
        : `a value of the type ${typeof credential}`
    throw new TypeError(
      `${this.#factory}: the credentials must be a password or an object with a password, received ${found}. ` +
        "A secret in JSON needs { transform: 'json' }.",
    )
  }
}
