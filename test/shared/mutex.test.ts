import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { Mutex, mutexMemory } from '../../src/shared/mutex.ts'

const source = new URL('../../src/shared/mutex.ts', import.meta.url).href
const increments = 20_000

const counting = `
  const { workerData } = require('node:worker_threads')
  import(${JSON.stringify(source)}).then(({ Mutex }) => {
    const mutex = new Mutex(workerData.memory)
    const count = new Int32Array(workerData.count)
    for (let done = 0; done < ${increments}; ) {
      if (!mutex.acquire(1000)) continue
      count[0] = count[0] + 1
      mutex.release()
      done++
    }
  })`

test('two threads never hold it at the same time', async () => {
  const workerData = { memory: mutexMemory(), count: new SharedArrayBuffer(4) }
  const workers = Array.from({ length: 3 }, () => new Worker(counting, { eval: true, workerData }))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  expect(new Int32Array(workerData.count)[0]).toBe(3 * increments)
})

test('is not had while another holds it, and is had once that one has released it', () => {
  const memory = mutexMemory()
  const one = new Mutex(memory)
  const another = new Mutex(memory)
  expect(one.acquire(0)).toBe(true)
  expect(one.isHeld).toBe(true)
  expect(another.acquire(0)).toBe(false)
  expect(another.acquire(5)).toBe(false)
  expect(another.isHeld).toBe(false)
  one.release()
  expect(one.isHeld).toBe(false)
  expect(another.acquire(0)).toBe(true)
})

test('is taken from a holder that does not release it in time, who notices and does no harm', () => {
  const memory = mutexMemory()
  const dead = new Mutex(memory)
  const next = new Mutex(memory)
  dead.acquire(0)
  const start = performance.now()
  expect(next.acquire(10_000)).toBe(true)
  expect(performance.now() - start).toBeGreaterThan(50)
  expect(performance.now() - start).toBeLessThan(5_000)
  expect(dead.isHeld).toBe(false)
  dead.release()
  expect(next.isHeld).toBe(true)
  expect(new Mutex(memory).acquire(0)).toBe(false)
})
