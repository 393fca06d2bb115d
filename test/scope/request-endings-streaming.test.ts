import { Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { handlerError } from './support/endings.ts'
import { bare, type Create, contextFor, settle, underManaged } from './support/handlers.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda, invokeStreaming, ResponseStream, streaming } from './support/streaming.ts'

beforeAll(installAwsLambda)

/** A handler that answers with a body in the test's hands. */
const streamed = (create: Create, probe: Probe, body: Readable, statusCode?: number) => {
  const handler = create(streaming).use(probe.middleware)
  const stream = new ResponseStream()
  handler.handler(async () => (statusCode === undefined ? body : { statusCode, body }))
  return { stream, running: settle(invokeStreaming(handler, {}, contextFor(60_000), stream)) }
}

const begun = async (body: Readable): Promise<void> => {
  body.push('begun')
  await new Promise((resolve) => body.once('data', resolve))
}

const openBody = (): Readable => new Readable({ read() {} })

describe.each([
  ['a body', undefined],
  ['a status and a body', 206],
] as const)('a handler that streams %s under managed()', (_, statusCode) => {
  test('holds its resource until the whole body has been sent', async () => {
    const [probe, body] = [new Probe(), openBody()]
    const { running, stream } = streamed(underManaged, probe, body, statusCode)

    await begun(body)
    expect(probe.endings).toEqual([])
    body.push(null)

    expect(await running).toEqual({ answer: 'begun' })
    expect(stream.prelude).toEqual(statusCode === undefined ? undefined : { statusCode })
    expect(probe.endings).toEqual([{ outcome: 'returned', handlerSettled: true }])
    expect(probe.scope?.signal.aborted).toBe(false)
  })

  test('releases once and rejects with the error of the body when the body fails', async () => {
    const [probe, body] = [new Probe(), openBody()]
    const { running } = streamed(underManaged, probe, body, statusCode)

    await begun(body)
    body.destroy(handlerError)

    const settled = await running
    expect('error' in settled && settled.error).toBe(handlerError)
    expect(probe.endings).toEqual([{ outcome: 'threw', handlerSettled: true }])
  })

  test('releases once, aborts and rejects as without it when the client leaves', async () => {
    const settleds: unknown[] = []
    const probe = new Probe()
    for (const create of [bare, underManaged]) {
      const body = openBody()
      const { running, stream } = streamed(create, create === bare ? new Probe() : probe, body, statusCode)
      await begun(body)
      stream.leave()
      settleds.push(await running)
      expect(body.destroyed).toBe(true)
    }

    expect(settleds[1]).toStrictEqual(settleds[0])
    expect(settleds[1]).toMatchObject({ error: { code: 'ERR_STREAM_PREMATURE_CLOSE' } })
    expect(probe.endings).toEqual([{ outcome: 'disconnected', handlerSettled: true }])
    expect(probe.scope?.signal.reason).toMatchObject({ data: { outcome: 'disconnected' } })
  })
})

test('aborts the signal of a handler that is still at work when the client leaves, and releases when it stops', async () => {
  const probe = new Probe()
  const stream = new ResponseStream()
  const aborted = Promise.withResolvers<void>()
  const stop = Promise.withResolvers<Readable>()
  const handler = underManaged(streaming).use(probe.middleware)
  handler.handler((_event, _context, { signal }) => {
    signal.addEventListener('abort', () => aborted.resolve())
    return stop.promise
  })

  const running = settle(invokeStreaming(handler, {}, contextFor(60_000), stream))
  stream.leave()
  await aborted.promise
  expect(probe.endings).toEqual([])
  stop.resolve(Readable.from(['too late']))

  expect(await running).toHaveProperty('error.code', expect.stringMatching(/^ERR_STREAM_/))
  expect(probe.endings).toEqual([{ outcome: 'disconnected', handlerSettled: true }])
})

test('says that an answer is no stream as Middy says it, and releases', async () => {
  const probe = new Probe()
  const handler = underManaged(streaming).use(probe.middleware)
  handler.handler(async () => 42)

  expect(await settle(invokeStreaming(handler, {}, contextFor(60_000)))).toMatchObject({
    error: { message: 'handler response not a Readable or ReadableStream' },
  })
  expect(probe.endings).toEqual([{ outcome: 'threw', handlerSettled: true }])
})
