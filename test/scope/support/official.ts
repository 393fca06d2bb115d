import httpContentNegotiation from '@middy/http-content-negotiation'
import httpCors from '@middy/http-cors'
import httpErrorHandler from '@middy/http-error-handler'
import httpJsonBodyParser from '@middy/http-json-body-parser'
import inputOutputLogger from '@middy/input-output-logger'
import validator from '@middy/validator'
import { transpileSchema } from '@middy/validator/transpile'
import warmup from '@middy/warmup'
import type { Outcome } from 'middy-managed-instances'
import type { Fields, Handler, Middleware } from './handlers.ts'

/** One request to a stack of Middy's own middlewares. */
export interface Exchange {
  readonly name: string
  readonly event: Fields
  readonly run?: () => unknown
  readonly outcome: Outcome
  readonly answer: unknown
  /** Whether one of them ends the request before it reaches a middleware behind them. */
  readonly endsBeforeOurs?: true
}

const jsonSchema = {
  type: 'object',
  required: ['body'],
  properties: { body: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } },
}

const eventSchema = transpileSchema(jsonSchema)

/** Everything that is installed of version 7, in the order its documentation has it; `log` gets every line it writes. */
export const officialMiddlewares = (log: (line: unknown) => void): readonly Middleware[] =>
  [
    warmup(),
    httpErrorHandler({ logger: (error) => log(['error', error.message]) }),
    httpCors({ disableBeforePreflightResponse: false, origin: 'https://example.com', methods: 'GET,POST' }),
    inputOutputLogger({ logger: log, lambdaContext: true }),
    httpContentNegotiation({ availableLanguages: ['en', 'de'], availableMediaTypes: ['application/json'] }),
    httpJsonBodyParser(),
    validator({ eventSchema }),
  ] as unknown as readonly Middleware[]

const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'Accept-Language': 'de' }

const post = (body: string, more: Fields = {}): Fields => ({
  httpMethod: 'POST',
  headers: { ...headers, ...more },
  body,
})

const fail = (error: unknown): never => {
  throw error
}

const teapot = (): Error => Object.assign(new Error('a teapot'), { statusCode: 418, expose: true })

export const exchanges: readonly Exchange[] = [
  { name: 'a request is answered', event: post('{"id":1}'), outcome: 'returned', answer: { statusCode: 200 } },
  {
    name: 'cors answers a preflight early',
    event: { httpMethod: 'OPTIONS', headers: { Origin: 'https://example.com' } },
    outcome: 'early',
    answer: { statusCode: 204 },
    endsBeforeOurs: true,
  },
  {
    name: 'warmup answers early',
    event: { source: 'serverless-plugin-warmup' },
    outcome: 'early',
    answer: 'warmup',
    endsBeforeOurs: true,
  },
  {
    name: 'the body is no JSON',
    event: post('{'),
    outcome: 'threw',
    answer: { statusCode: 422 },
    endsBeforeOurs: true,
  },
  {
    name: 'the body is not valid',
    event: post('{"id":"one"}'),
    outcome: 'threw',
    answer: { statusCode: 400 },
    endsBeforeOurs: true,
  },
  {
    name: 'no media type can be agreed on',
    event: post('{"id":1}', { Accept: 'text/html' }),
    outcome: 'threw',
    answer: { statusCode: 406 },
    endsBeforeOurs: true,
  },
  {
    name: 'the handler throws an HTTP error',
    event: post('{"id":1}'),
    run: () => fail(teapot()),
    outcome: 'threw',
    answer: { statusCode: 418 },
  },
  {
    name: 'the handler throws another error',
    event: post('{"id":1}'),
    run: () => fail(new Error('secret')),
    outcome: 'threw',
    answer: { statusCode: 500 },
  },
]

/** A handler whose answer shows what the middlewares have made of event and context. */
export const echo = (handler: Handler, run?: () => unknown): Handler =>
  handler.handler(async (event, context) => {
    run?.()
    return { statusCode: 200, body: JSON.stringify({ body: event['body'], language: context['preferredLanguage'] }) }
  })
