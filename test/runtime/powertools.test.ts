import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { startRuntime } from 'middy-managed-instances/local'
import { startBackend } from '../../examples/backend/backend.ts'
import { awaitLines } from '../powertools/support/awaited-lines.ts'
import { startDaemon } from '../powertools/support/daemon.ts'
import { startDownstream } from '../powertools/support/downstream.ts'
import { observe, ordersOf, traceHeader } from '../powertools/support/observation.ts'

jest.setTimeout(120_000)

const workers = 4

describe('Powertools on the real runtime, with 4 workers and 64 requests at once', () => {
  const open: { stop: () => Promise<void> }[] = []
  const opened = <T extends { stop: () => Promise<void> }>(resource: T): T => {
    open.unshift(resource)
    return resource
  }
  afterEach(async () => {
    for (const resource of open.splice(0)) await resource.stop()
  })

  const burst = async (file: string, count: number, blobs: number) => {
    const orders = ordersOf(count)
    const daemon = opened(await startDaemon())
    const backend = opened(await startBackend({ latency: 10 }))
    for (const { order } of orders) backend.parameters.set(`/${order}`, { value: order })
    const downstream = opened(await startDownstream(backend.endpoint))
    // In each answered request it says three times what it does, and twice in one that is answered early.
    const logged = awaitLines(count * 2.9, '"function_request_id"')
    const published = awaitLines(blobs, '"_aws"')
    const runtime = opened(
      await startRuntime({
        handler: `test/runtime/fixtures/${file}.handler`,
        workers,
        concurrency: 64,
        nodeOptions: ['--conditions=middy-managed-instances/source'],
        onLog: (line) => {
          logged.onLog(line)
          published.onLog(line)
        },
        env: {
          ...backend.env,
          AWS_ENDPOINT_URL_SSM: downstream.url,
          AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
          AWS_XRAY_DAEMON_ADDRESS: daemon.address,
          AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
          DOWNSTREAM_CERTIFICATE: downstream.certificate,
        },
      }),
    )
    const { url, secureUrl } = downstream
    const results = await Promise.all(
      orders.map((order) => runtime.invoke({ ...order, url, secureUrl }, { traceId: traceHeader(order) })),
    )
    const documents = await daemon.receive(count * 0.9 * 7 + count * 0.1)
    const lines = [...(await logged.arrived), ...(await published.arrived)].map(({ text }) => JSON.parse(text))
    return observe({ orders, results, documents, calls: downstream.calls, lines })
  }

  test('every trace, line, metric and cold start is right through powertools()', async () => {
    const count = 3_000
    const ofTen = count / 10
    expect(await burst('powertools', count, count + workers)).toEqual({
      answered: count,
      handlers: count,
      faults: ofTen,
      wrongFaults: 0,
      children: count - ofTen,
      sdk: count - ofTen,
      http: count - ofTen,
      https: count - ofTen,
      fetch: count - ofTen,
      nested: count - ofTen,
      lines: count * 3 - ofTen,
      allLines: count * 3 - ofTen,
      blobs: count,
      allBlobs: count,
      coldStarts: { metrics: workers, segments: workers, requests: workers },
    })
  })

  // The control: what the same burst leaves behind without us. It fails here when the packages have learned it themselves.
  test('every line is right without it, but hardly a trace, no cold start, and nothing of what was answered early', async () => {
    const count = 1_000
    const published = count * 0.9
    const seen = await burst('powertools-official', count, published)
    expect(seen).toMatchObject({
      answered: count,
      faults: count / 10,
      wrongFaults: 0,
      lines: seen.allLines,
      blobs: published,
      coldStarts: { metrics: 0, segments: 0, requests: 0 },
    })
    for (const kind of ['handlers', 'fetch'] as const) expect(seen[kind]).toBeLessThan(count / 2)
    for (const kind of ['children', 'sdk', 'http', 'https', 'nested'] as const)
      expect(seen[kind]).toBeLessThan(count / 10)
  })
})
