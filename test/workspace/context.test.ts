import { describe, expect, test } from '@jest/globals'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ContextKeyError, managed } from 'middy-managed-instances'
import { barrier, createContext, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import { workspace } from 'middy-managed-instances/workspace'
import { entriesIn, failureOf, ownRoot } from './fixtures/requests.ts'

type Setup = [string, () => middy.PluginObject | undefined]
const setups: Setup[] = [
  ['managed()', () => managed()],
  ['plain .use()', () => undefined],
]

describe.each(setups)('with %s', (_, config) => {
  test('two under one context key are an error that says so', async () => {
    const root = ownRoot()
    const handler = middy(config())
      .use(workspace({ root }))
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => workspace.path)
    const error = await failureOf(() => invoke(handler, {}))
    expect(error).toBeInstanceOf(ContextKeyError)
    expect(error).toMatchObject({ code: 'CONTEXT_KEY', data: { middleware: 'workspace', contextKey: 'workspace' } })
    expect((error as Error).message).toContain("workspace({ contextKey: '...' })")
    expect(entriesIn(root)).toEqual([])
  })

  test('the same one used twice is an error too', async () => {
    const once = workspace({ root: ownRoot() })
    const handler = middy(config())
      .use(once)
      .use(once)
      .handler(async () => 'done')
    expect(await failureOf(() => invoke(handler, {}))).toBeInstanceOf(ContextKeyError)
  })

  test('two under two keys are two directories, and both are gone at the end', async () => {
    const [first, second] = [ownRoot(), ownRoot()]
    const handler = middy(config())
      .use(workspace({ root: first }))
      .use(workspace({ root: second, contextKey: 'scratch', maxBytes: 1 }))
      .handler(async (_event, { workspace, scratch }) => {
        await workspace.write('a', 'first')
        await scratch.write('a', '2')
        expect(await failureOf(() => scratch.write('b', '2'))).toMatchObject({ code: 'WORKSPACE_FULL' })
        return [await workspace.read('a', 'utf8'), await scratch.read('a', 'utf8')]
      })
    await expect(invoke(handler, {})).resolves.toEqual(['first', '2'])
    expect([entriesIn(first), entriesIn(second)]).toEqual([[], []])
  })

  test.each([
    ['without getRemainingTimeInMillis', { awsRequestId: 'a' }],
    ['without anything', {}],
    ['of a durable execution', { lambdaContext: { getRemainingTimeInMillis: () => 5_000, awsRequestId: 'b' } }],
  ])('a context %s works', async (_name, context) => {
    const root = ownRoot()
    const handler = middy(config())
      .use(workspace({ root }))
      .handler(async (_event, { workspace }) => {
        await workspace.write('a', 'x')
        return entriesIn(root).length
      })
    await expect(invoke(handler, {}, { context: context as Context })).resolves.toBe(1)
    expect(entriesIn(root)).toEqual([])
  })

  test('overlapping requests that share one context object have a workspace each', async () => {
    const root = ownRoot()
    const meet = barrier(8)
    const context = createContext()
    const plugin = config()
    const handler = middy<number>(plugin)
      .use(workspace({ root }))
      // A plain middy() gives us no moment just before the handler, to put this request's own on the context again.
      .before(() => (plugin === undefined ? undefined : meet()))
      .handler(async (event, { workspace }) => {
        await workspace.write('a', `${event}`)
        await meet()
        return workspace.read('a', 'utf8')
      })
    const answers = Array.from({ length: 8 }, (_, event) => invoke(handler, event, { context }))
    await expect(Promise.all(answers)).resolves.toEqual(Array.from({ length: 8 }, (_, event) => `${event}`))
    expect(entriesIn(root)).toEqual([])
  })

  test('64 overlapping requests read what they wrote, and only that', async () => {
    const root = ownRoot()
    const meet = barrier(64)
    const handler = middy<number>(config())
      .use(workspace({ root }))
      .handler(async (event, { workspace }) => {
        await workspace.write('same-name', `${event}`)
        await meet()
        expect(entriesIn(root)).toHaveLength(64)
        const answer = await workspace.read('same-name', 'utf8')
        await meet()
        return answer
      })
    const results = await invokeConcurrently(
      handler,
      Array.from({ length: 64 }, (_, event) => event),
    )
    expect(results).toEqual(results.map((_, event) => ({ status: 'fulfilled', value: `${event}` })))
    expect(entriesIn(root)).toEqual([])
  })

  test('the key is on the context while the handler runs, and gets its former value back', async () => {
    const context = Object.assign(createContext(), { workspace: 'before' })
    const handler = middy(config())
      .use(workspace({ root: ownRoot() }))
      .handler(async (_event, { workspace }) => typeof workspace.path)
    await expect(invoke(handler, {}, { context })).resolves.toBe('string')
    if (config() !== undefined) expect(context.workspace).toBe('before')
  })

  test('a frozen context is an error that says what to do', async () => {
    const handler = middy(config())
      .use(workspace({ root: ownRoot() }))
      .handler(async () => 'done')
    const error = await failureOf(() => invoke(handler, {}, { context: Object.freeze(createContext()) }))
    expect(error).toMatchObject({ code: 'CONTEXT_KEY', message: expect.stringContaining('createContext()') })
  })
})

test('two middlewares with one root leave each other alone, whatever their grace', async () => {
  const root = ownRoot()
  const handler = middy(managed())
    .use(workspace({ root, grace: 0 }))
    .use(workspace({ root: `${root}/`, contextKey: 'scratch', grace: 60_000 }))
    .handler(async (_event, { workspace, scratch }) => {
      await Promise.all([workspace.write('a', 'x'), scratch.write('a', 'x')])
      return entriesIn(root).length
    })
  await expect(invoke(handler, {})).resolves.toBe(2)
  expect(entriesIn(root)).toEqual([])
})
