import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { SQSEvent } from 'aws-lambda'
import { startRuntime } from 'middy-managed-instances/local'
import { expectNoLeaks, invokeConcurrently } from 'middy-managed-instances/testing'
import { bookedLines, handler } from '../../examples/using-batch.ts'

const file = new URL('../../examples/using-batch.json', import.meta.url)
const samples = JSON.parse(readFileSync(file, 'utf8')) as SQSEvent[]
const answers = [
  { batchItemFailures: [{ itemIdentifier: 'a-2' }, { itemIdentifier: 'a-3' }] },
  { batchItemFailures: [] },
]
const rounds = 32
const events = Array.from({ length: rounds }, () => samples).flat()
const expected = Array.from({ length: rounds }, () => answers).flat()

describe('examples/using-batch', () => {
  beforeEach(() => {
    jest.spyOn(console, 'error').mockImplementation(() => {})
  })
  afterEach(async () => {
    jest.restoreAllMocks()
    await expectNoLeaks()
  })

  it('books what it can and reports the order that failed with those behind it', async () => {
    const results = await invokeConcurrently(handler, events)
    expect(results).toEqual(expected.map((value) => ({ status: 'fulfilled', value })))
    expect(bookedLines()).toBe(rounds * (3 + 8 + 2 + 4))
    expect(console.error).toHaveBeenCalledTimes(rounds)
  })

  it('does so on the real runtime', async () => {
    const runtime = await startRuntime({
      handler: 'examples/using-batch.handler',
      workers: 4,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
    })
    try {
      const results = await runtime.burst(events)
      expect(results).toMatchObject(expected.map((payload) => ({ status: 'ok', payload })))
    } finally {
      await runtime.stop()
    }
  })
})
