import { afterEach, expect, jest, test } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { awaitLines } from '../powertools/support/awaited-lines.ts'
import { startDaemon } from '../powertools/support/daemon.ts'
import { newTrace } from '../powertools/support/invocation.ts'

jest.setTimeout(60_000)

const workers = 4
const count = 500

const open: { stop: () => Promise<void> }[] = []
const opened = <T extends { stop: () => Promise<void> }>(resource: T): T => {
  open.unshift(resource)
  return resource
}
afterEach(async () => {
  for (const resource of open.splice(0)) await resource.stop()
})

test('with 64 requests at once, the blob and the segment of each say what it has used itself', async () => {
  const daemon = opened(await startDaemon())
  const published = awaitLines(count, '"_aws"')
  const runtime = opened(
    await startRuntime({
      handler: 'test/runtime/fixtures/powertools-resources.handler',
      workers,
      concurrency: 64,
      privateTmp: true,
      nodeOptions: ['--conditions=middy-managed-instances/source'],
      onLog: published.onLog,
      env: {
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_XRAY_DAEMON_ADDRESS: daemon.address,
        AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
      },
    }),
  )
  const orders = Array.from({ length: count }, (_, index) => ({ order: `order-${index}`, bytes: index }))

  const results = await Promise.all(orders.map((order) => runtime.invoke(order, { traceId: newTrace().header })))

  expect(results.filter(({ status }) => status !== 'ok')).toEqual([])
  const blobs = (await published.arrived).map(({ text }) => JSON.parse(text) as Record<string, unknown>)
  const expected = new Map(orders.map(({ order, bytes }) => [order, 2 * bytes]))
  expect(new Map(blobs.map((blob) => [blob['order'], blob['WorkspaceBytes']]))).toEqual(expected)
  const hits = blobs.filter((blob) => blob['ParameterHits'] === 1 && blob['ParameterMisses'] === 0).length
  const misses = blobs.filter((blob) => blob['ParameterHits'] === 0 && blob['ParameterMisses'] === 1).length
  expect(hits + misses).toBe(count)
  expect(misses).toBeGreaterThanOrEqual(workers)
  const segments = await daemon.receive(count)
  const resources = segments.map(({ annotations, metadata }) => [annotations?.['order'], metadata?.['resources']])
  expect(new Map(resources as [unknown, unknown][])).toEqual(
    new Map(
      blobs.map(({ order, WorkspaceBytes, ParameterHits, ParameterMisses, ParameterWait }) => [
        order,
        JSON.parse(JSON.stringify({ WorkspaceBytes, ParameterHits, ParameterMisses, ParameterWait })),
      ]),
    ),
  )
})
