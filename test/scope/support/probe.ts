import { type Ending, type Scope, scopeOf } from 'middy-managed-instances'
import type { Middleware, Request } from './handlers.ts'

/** A resource of one request that counts how often it has been released, and how. */
export class Probe {
  readonly endings: Ending[] = []
  readonly #released = Promise.withResolvers<Ending>()
  scope: Scope | undefined
  request: Request | undefined

  /** Resolves at the first release. */
  get released(): Promise<Ending> {
    return this.#released.promise
  }

  readonly release = ({ outcome, handlerSettled }: Ending): void => {
    this.endings.push({ outcome, handlerSettled })
    this.#released.resolve({ outcome, handlerSettled })
  }

  /** Defers the resource to the request's scope in a `before`, and has hooks that do nothing. */
  readonly middleware: Middleware = {
    before: (request) => {
      this.request = request
      this.scope = scopeOf(request)
      this.scope?.defer('probe', this.release)
    },
    after: () => {},
    onError: () => {},
  }
}
