import { Readable, Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse'
import type { Context } from 'aws-lambda'
import { managed, type Outcome, scopeOf } from 'middy-managed-instances'
import { createContext, expectNoLeaks } from 'middy-managed-instances/testing'
import { type Workspace, workspace } from 'middy-managed-instances/workspace'
import { entriesIn, failureOf, ownRoot } from './fixtures/requests.ts'

type StreamingHandler = (event: unknown, stream: Writable, context: Context) => Promise<unknown>

beforeAll(() => {
  // What the runtime client puts there before it loads a handler.
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: object) =>
        Object.assign(handler, { [Symbol.for('aws.lambda.runtime.handler.streaming')]: 'response' }),
      HttpResponseStream: {
        from: (stream: Writable, metadata: unknown) => {
          stream.write(JSON.stringify(metadata))
          return stream
        },
      },
    },
  })
})

/** A client that reads with its own speed, and what it has read. */
class Client extends Writable {
  text = ''
  readonly started: Promise<void>
  #start: () => void
  #pending: (() => void) | undefined
  readonly #held: boolean

  constructor(held = false) {
    super({ highWaterMark: 1_000 })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.started = promise
    this.#start = resolve
    this.#held = held
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk
    this.#start()
    if (this.#held) this.#pending = done
    else process.nextTick(done)
  }

  readOn(): void {
    const done = this.#pending
    this.#pending = undefined
    done?.()
  }
}

const streaming = (
  root: string,
  outcomes: Outcome[],
  work: (workspace: Workspace, signal: AbortSignal) => unknown,
): StreamingHandler => {
  const executionMode = executionModeStreamifyResponse
  const handler = middy(managed({ executionMode } as never))
    .before((request) => {
      scopeOf(request)?.defer('outcome', ({ outcome }) => outcomes.push(outcome))
    })
    .use(workspace({ root, cleanup: 'await' }))
    .handler(async (_event, context) => work(context.workspace, context.signal))
  return handler as unknown as StreamingHandler
}

const content = 'line of text\n'.repeat(2_000)

describe('a streamed answer out of the workspace', () => {
  test.each([
    ['a body', (body: Readable) => body],
    ['an HTTP answer', (body: Readable) => ({ statusCode: 200, body })],
  ])('given as %s is read to its end before the workspace goes', async (_, answer) => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    const handler = streaming(root, outcomes, async (workspace) => {
      await workspace.write('a', content)
      return answer(workspace.createReadStream('a'))
    })
    const client = new Client(true)
    const answered = handler({}, client, createContext())
    await client.started
    await setImmediate()
    expect(entriesIn(root)).toHaveLength(1)
    const reading = setInterval(() => client.readOn())
    await answered
    clearInterval(reading)
    expect(client.text.replace('{"statusCode":200}', '')).toBe(content)
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['returned'])
  })

  test('whose client leaves aborts the signal, and the workspace goes', async () => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    let seen: AbortSignal | undefined
    const handler = streaming(root, outcomes, async (workspace, signal) => {
      seen = signal
      await workspace.write('a', content)
      return workspace.createReadStream('a')
    })
    const client = new Client(true)
    const answered = failureOf(() => handler({}, client, createContext()))
    await client.started
    client.destroy()
    // Our signal, which ends the reading, and the closed stream race.
    expect(await answered).toMatchObject({ code: expect.stringMatching(/^(ABORT_ERR|ERR_STREAM_PREMATURE_CLOSE)$/) })
    expect(seen?.aborted).toBe(true)
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['disconnected'])
  })

  test('whose body fails passes the error on, and the workspace goes', async () => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    const failure = new RangeError('out of ink')
    const handler = streaming(root, outcomes, async (workspace) => {
      await workspace.write('a', content)
      return Readable.from(
        (async function* () {
          yield 'first'
          throw failure
        })(),
      )
    })
    expect(await failureOf(() => handler({}, new Client(), createContext()))).toBe(failure)
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['threw'])
  })

  test('that never ends is broken off at the deadline', async () => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    const body = new Readable({ read() {} })
    const handler = streaming(root, outcomes, async (workspace) => {
      await workspace.write('a', content)
      body.push('first')
      return body
    })
    const client = new Client()
    await failureOf(() => handler({}, client, createContext({ timeout: 300 })))
    expect(client.destroyed).toBe(true)
    await expectNoLeaks()
    expect(body.destroyed).toBe(true)
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['timedOut'])
  })

  test('that a handler never gives is broken off at the deadline', async () => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    const handler = streaming(root, outcomes, async (workspace) => {
      await workspace.write('a', content)
      return new Promise(() => {})
    })
    await failureOf(() => handler({}, new Client(), createContext({ timeout: 300 })))
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['timedOut'])
  })

  test('of a handler that throws leaves nothing', async () => {
    const root = ownRoot()
    const outcomes: Outcome[] = []
    const handler = streaming(root, outcomes, async (workspace) => {
      await workspace.write('a', content)
      throw new RangeError('thrown')
    })
    await expect(handler({}, new Client(), createContext())).rejects.toThrow('thrown')
    expect(entriesIn(root)).toEqual([])
    expect(outcomes).toEqual(['threw'])
  })
})
