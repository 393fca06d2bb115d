import type { RequestScope } from './request-scope.ts'

interface ResponseStream {
  readonly writableFinished: boolean
  once(event: 'close', listener: () => void): unknown
  destroy(error?: Error): unknown
}

const isResponseStream = (value: unknown): value is ResponseStream =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Partial<ResponseStream>).once === 'function' &&
  typeof (value as Partial<ResponseStream>).destroy === 'function'

/** Aborts the request when the client of its response stream leaves, and destroys the stream when the request times out. */
export const watchResponseStream = (scope: RequestScope, args: readonly unknown[]): void => {
  const stream = args.find(isResponseStream)
  if (stream === undefined) return
  stream.once('close', () => {
    if (!stream.writableFinished) scope.interrupt('disconnected')
  })
  scope.signal.addEventListener('abort', () => stream.destroy(), { once: true })
}
