import { existsSync } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ReadableStream } from 'node:stream/web'
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { expectNoLeaks, invoke } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'
import { entriesIn, failureOf, ownRoot } from './fixtures/requests.ts'

const warned = jest.spyOn(process, 'emitWarning').mockImplementation((() => {}) as never)
const warnings = (): unknown[] => warned.mock.calls.filter(([, type]) => String(type) === 'ManagedInstancesWarning')
beforeEach(() => {
  warned.mockClear()
})

describe('on a plain middy() the workspace is released', () => {
  test('in its own after, and still there in the after of one registered later', async () => {
    const root = ownRoot()
    const seen: number[] = []
    const handler = middy()
      .use({ after: () => void expect(entriesIn(root)).toEqual([]) })
      .use(workspace({ root }))
      .use({ after: () => void seen.push(entriesIn(root).length) })
      .handler(async (_event, { workspace }) => workspace.write('a', 'x'))
    await invoke(handler, {})
    expect(seen).toEqual([1])
    expect(warnings()).toEqual([])
  })

  test('in its own onError, and the error stays the same', async () => {
    const root = ownRoot()
    const thrown = new RangeError('thrown')
    const handler = middy()
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'x')
        throw thrown
      })
    expect(await failureOf(() => invoke(handler, {}))).toBe(thrown)
    expect(entriesIn(root)).toEqual([])
    expect(thrown.cause).toBeUndefined()
  })

  test('once when an after registered before it throws', async () => {
    const root = ownRoot()
    const handler = middy()
      .use({
        after: () => {
          throw new Error('after')
        },
      })
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => workspace.write('a', 'x'))
    await expect(invoke(handler, {})).rejects.toThrow('after')
    expect(entriesIn(root)).toEqual([])
  })

  test('outer one after inner one, each by itself', async () => {
    const [outer, inner] = [ownRoot(), ownRoot()]
    const states: string[] = []
    const look = (): void => void states.push(`${entriesIn(outer).length}${entriesIn(inner).length}`)
    const handler = middy()
      .use({ after: look })
      .use(workspace({ root: outer, contextKey: 'outer' }))
      .use({ after: look })
      .use(workspace({ root: inner, contextKey: 'inner' }))
      .use({ after: look })
      .handler(async (_event, context) => {
        await context.outer.write('a', 'x')
        await context.inner.write('a', 'x')
      })
    await invoke(handler, {})
    expect(states).toEqual(['11', '10', '00'])
  })

  test('when an onError whose before never ran is called', async () => {
    const handler = middy()
      .before(() => {
        throw new Error('before')
      })
      .use(workspace({ root: ownRoot() }))
      .handler(async () => 'done')
    await expect(invoke(handler, {})).rejects.toThrow('before')
  })

  test('when the body of a streamed answer has been read, or was destroyed', async () => {
    const root = ownRoot()
    const handler = middy<unknown, { body: Readable }>()
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'content')
        return { body: workspace.createReadStream('a') }
      })
    const { body } = await invoke(handler, {})
    expect(entriesIn(root)).toHaveLength(1)
    expect(Buffer.concat(await body.toArray()).toString()).toBe('content')
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
    const { body: left } = await invoke(handler, {})
    left.destroy()
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })
})

test('on a plain middy() a web stream out of the workspace can be read to its end', async () => {
  const root = ownRoot()
  const content = 'line of text\n'.repeat(20_000)
  const handler = middy<unknown, ReadableStream>()
    .use(workspace({ root }))
    .handler(async (_event, { workspace }) => {
      await workspace.write('a', content)
      return Readable.toWeb(workspace.createReadStream('a')) as ReadableStream
    })
  const body = await invoke(handler, {}, { timeout: 1_000 })
  expect(await text(body)).toBe(content)
  await expectNoLeaks(2_000)
  expect(entriesIn(root)).toEqual([])
})

describe('on a plain middy() whose hooks are skipped', () => {
  test('the workspace goes at the deadline, and one warning names managed()', async () => {
    const root = ownRoot()
    let signal: AbortSignal | undefined
    const handler = middy()
      .use(workspace({ root }))
      .use({ after: () => 'skips the rest' })
      .handler(async (_event, context) => {
        signal = context.signal
        await context.workspace.write('a', 'x')
      })
    const answers = [1, 2, 3].map(() => invoke(handler, {}, { timeout: 400 }))
    await expect(Promise.all(answers)).resolves.toEqual(Array(3).fill('skips the rest'))
    expect(entriesIn(root)).toHaveLength(3)
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
    expect(signal?.aborted).toBe(true)
    expect(warnings()).toHaveLength(1)
    expect(warnings()).toMatchObject([[expect.stringContaining('workspace was held until'), 'ManagedInstancesWarning']])
    expect(warnings()).toMatchObject([[expect.stringContaining('middy(managed())'), 'ManagedInstancesWarning']])
  })

  test('a request that touched nothing warns of nothing', async () => {
    const handler = middy()
      .use(workspace({ root: ownRoot() }))
      .use({ before: () => 'early' })
      .handler(async () => 'done')
    await expect(invoke(handler, {}, { timeout: 50 })).resolves.toBe('early')
    await expectNoLeaks()
    expect(warnings()).toEqual([])
  })

  test('a body that never ends holds the workspace until the deadline', async () => {
    const root = ownRoot()
    const handler = middy()
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'x')
        return new PassThrough()
      })
    await invoke(handler, {}, { timeout: 300 })
    expect(entriesIn(root)).toHaveLength(1)
    await expectNoLeaks()
    expect(entriesIn(root)).toEqual([])
  })
})

test('on a plain middy() a handler that outlives its request is refused the workspace', async () => {
  const root = ownRoot()
  const released = Promise.withResolvers<void>()
  const late = Promise.withResolvers<unknown>()
  const handler = middy()
    .use(workspace({ root }))
    .handler(async (_event, { workspace }) => {
      const { path } = workspace
      await released.promise
      late.resolve([existsSync(path), await failureOf(() => workspace.write('a', 'late'))])
    })
  await expect(invoke(handler, {}, { timeout: 200 })).rejects.toThrow('aborted')
  expect(entriesIn(root)).toEqual([])
  released.resolve()
  await expect(late.promise).resolves.toEqual([
    false,
    expect.objectContaining({ code: 'REQUEST_ENDED', data: { resource: 'workspace', outcome: 'timedOut' } }),
  ])
})

jest.setTimeout(10_000)
