import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import middy from '@middy/core'
import { currentScope, managed } from 'middy-managed-instances'
import { createContext, expectNoLeaks, invoke, type TestedHandler } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'

const handlerThat = (work: () => unknown): TestedHandler<unknown, unknown> =>
  middy(managed()).handler(async () => work())

test('nothing is no leak', () => expectNoLeaks(0))

test('a request that has ended is no leak', async () => {
  await invoke(
    handlerThat(() => 'done'),
    {},
  )
  await expectNoLeaks(0)
})

test('a request that is still open fails, with its id and what it holds', async () => {
  const released = Promise.withResolvers<void>()
  const handler = handlerThat(async () => {
    currentScope()?.defer('lease', () => {})
    await released.promise
  })
  const context = createContext({ awsRequestId: 'the-id' })
  const answer = invoke(handler, {}, { context })
  await new Promise(setImmediate)
  const failing = expectNoLeaks(20)
  await expect(failing).rejects.toThrow('expectNoLeaks(): 1 still there after 20 ms:')
  await expect(failing).rejects.toThrow('  - the scope of request the-id is open, holding lease')
  await expect(failing).rejects.toThrow('Await every invocation')
  released.resolve()
  await answer
  await expectNoLeaks(0)
})

test('one that holds nothing is a leak as well', async () => {
  const released = Promise.withResolvers<void>()
  const answer = invoke(
    handlerThat(() => released.promise),
    {},
  )
  await new Promise(setImmediate)
  await expect(expectNoLeaks(0)).rejects.toThrow('nothing deferred')
  released.resolve()
  await answer
})

test('a workspace that a plain handler still holds is named', async () => {
  const root = join(tmpdir(), `leaks-test-${process.pid}`)
  try {
    const handler = middy()
      .use(workspace({ root }))
      .use({ after: () => 'skips ours' })
      .handler(async (_event, { workspace }) => workspace.write('a', 'x'))
    await invoke(handler, {}, { timeout: 400 })
    await expect(expectNoLeaks(0)).rejects.toThrow('holding workspace')
    await expectNoLeaks()
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test('what is just ending is waited for', async () => {
  const released = Promise.withResolvers<void>()
  const answer = invoke(
    handlerThat(() => released.promise),
    {},
  )
  const clean = expectNoLeaks(5_000)
  await new Promise(setImmediate)
  released.resolve()
  await Promise.all([answer, clean])
})
