import type { Outcome } from 'middy-managed-instances'
import type { Handler, Middleware, Plugin } from './handlers.ts'
import { never } from './handlers.ts'

/** What handlers and middlewares answer: anything in standard mode, text where an answer is streamed or serialized. */
export interface Answers {
  readonly ours: unknown
  readonly early: unknown
}

/** One way a request can end, with `ours` registered where the table of facts/middy.md has it. */
export interface Ending {
  readonly name: string
  readonly outcome: Outcome
  readonly build: (handler: Handler, ours: Middleware, answers: Answers) => Handler
  readonly plugin?: (answers: Answers) => Plugin
  /** Whether Middy ends the request at its early timeout. */
  readonly timesOut?: true
  /** Whether what is thrown is `undefined`. */
  readonly throwsNothing?: true
  /** Whether another middleware ends the request before ours has run, so that there is nothing to release. */
  readonly beforeOurs?: true
}

export const handlerError: Error = new Error('thrown by the handler')
export const hookError: Error = new Error('thrown by another middleware')

const fail = (error: unknown) => (): never => {
  throw error
}

export const endings: readonly Ending[] = [
  {
    name: 'the handler returns',
    outcome: 'returned',
    build: (handler, ours, answers) => handler.use(ours).handler(async () => answers.ours),
  },
  {
    name: 'the handler returns synchronously',
    outcome: 'returned',
    build: (handler, ours, answers) => handler.use(ours).handler(() => answers.ours),
  },
  {
    name: 'the handler rejects',
    outcome: 'threw',
    build: (handler, ours) => handler.use(ours).handler(async () => fail(handlerError)()),
  },
  {
    name: 'the handler rejects with nothing',
    outcome: 'threw',
    throwsNothing: true,
    build: (handler, ours) => handler.use(ours).handler(() => Promise.reject()),
  },
  {
    name: 'the handler throws synchronously',
    outcome: 'threw',
    build: (handler, ours) => handler.use(ours).handler(fail(handlerError)),
  },
  {
    name: 'a later before answers early',
    outcome: 'early',
    build: (handler, ours, answers) => handler.use(ours).before(async () => answers.early),
  },
  {
    name: 'an earlier before answers early',
    outcome: 'early',
    beforeOurs: true,
    build: (handler, ours, answers) => handler.before(() => answers.early).use(ours),
  },
  {
    name: 'a later before throws',
    outcome: 'threw',
    build: (handler, ours) => handler.use(ours).before(fail(hookError)),
  },
  {
    name: 'an earlier before throws, so that ours never ran',
    outcome: 'threw',
    beforeOurs: true,
    build: (handler, ours) => handler.before(fail(hookError)).use(ours),
  },
  {
    name: 'a later-registered after returns a value',
    outcome: 'returned',
    build: (handler, ours, answers) =>
      handler
        .use(ours)
        .after(() => answers.early)
        .handler(async () => answers.ours),
  },
  {
    name: 'a later-registered after throws',
    outcome: 'threw',
    build: (handler, ours, answers) =>
      handler
        .use(ours)
        .after(fail(hookError))
        .handler(async () => answers.ours),
  },
  {
    name: 'an earlier-registered after throws, so that our after and our onError run',
    outcome: 'threw',
    build: (handler, ours, answers) =>
      handler
        .after(fail(hookError))
        .use(ours)
        .handler(async () => answers.ours),
  },
  {
    name: 'a later-registered onError throws another error',
    outcome: 'threw',
    build: (handler, ours) =>
      handler
        .use(ours)
        .onError(fail(hookError))
        .handler(async () => fail(handlerError)()),
  },
  {
    name: 'a later-registered onError rethrows',
    outcome: 'threw',
    build: (handler, ours) =>
      handler
        .use(ours)
        .onError(({ error }) => fail(error)())
        .handler(async () => fail(handlerError)()),
  },
  {
    name: 'a later-registered onError returns an answer',
    outcome: 'threw',
    build: (handler, ours, answers) =>
      handler
        .use(ours)
        .onError(() => answers.early)
        .handler(async () => fail(handlerError)()),
  },
  {
    name: 'the early timeout throws',
    outcome: 'timedOut',
    timesOut: true,
    build: (handler, ours) => handler.use(ours).handler(never),
  },
  {
    name: 'the early timeout answers',
    outcome: 'timedOut',
    timesOut: true,
    plugin: (answers) => ({ timeoutEarlyResponse: () => answers.early }),
    build: (handler, ours) => handler.use(ours).handler(never),
  },
  {
    name: 'the requestStart hook throws',
    outcome: 'threw',
    beforeOurs: true,
    plugin: () => ({ requestStart: fail(hookError) }),
    build: (handler, ours) => handler.use(ours),
  },
  {
    name: 'the requestEnd hook throws',
    outcome: 'threw',
    plugin: () => ({ requestEnd: fail(hookError) }),
    build: (handler, ours, answers) => handler.use(ours).handler(async () => answers.ours),
  },
]
