import { type Backend, startBackend } from '../../backend/backend.ts'
import { type ObjectStore, startObjectStore } from '../object-store.ts'
import { type DynamoDB, startDynamoDB } from './dynamodb.ts'
import { bucket } from './requests.ts'
import { type RowStore, startRowStore } from './row-store.ts'
import { startTraceReceiver, type TraceReceiver } from './trace-receiver.ts'

/** Everything the functions call, on loopback. */
export interface Services {
  readonly objects: ObjectStore
  readonly backend: Backend
  readonly dynamodb: DynamoDB
  readonly rows: RowStore
  readonly traces: TraceReceiver
  /** The environment variables by which the functions find them. */
  readonly env: Readonly<Record<string, string>>
}

/** Starts them, has `use` do its work, and stops them, whatever happens. */
export const withServices = async <R>(use: (services: Services) => Promise<R>): Promise<R> => {
  const stops: (() => Promise<void>)[] = []
  const started = async <T>(service: Promise<T>, stop: (service: T) => Promise<void>): Promise<T> => {
    const running = await service
    stops.push(() => stop(running))
    return running
  }
  try {
    const objects = await started(startObjectStore(), (store) => store.close())
    const backend = await started(startBackend({ latency: 30 }), (backend) => backend.stop())
    const dynamodb = await started(startDynamoDB(), (dynamodb) => dynamodb.stop())
    const traces = await started(startTraceReceiver(), (traces) => traces.stop())
    const rows = await started(startRowStore(), (rows) => rows.stop())
    backend.parameters.set('/ingest/bucket', { value: bucket })
    backend.parameters.set('/ingest/format', { value: '{"delimiter":","}' })
    backend.secrets.set('ingest/database', { string: rows.login })
    const env = {
      ...backend.env,
      AWS_ENDPOINT_URL_S3: objects.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_XRAY_DAEMON_ADDRESS: traces.address,
      AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
    }
    return await use({ objects, backend, dynamodb, rows, traces, env })
  } finally {
    await Promise.all(stops.map((stop) => stop()))
  }
}
