import { RequestEndedError } from '../errors.ts'
import type { RequestScope } from './request-scope.ts'

type Method = (...args: unknown[]) => unknown

interface ResponseStream {
  readonly writableFinished: boolean
  once: (event: 'close', listener: () => void) => unknown
  destroy: Method
}

/** What the runtime client gives a handler: a plain object with the methods of the HTTP request that carries the answer. */
interface RuntimeStream extends ResponseStream {
  write: Method
  end: Method
  emit: Method
  on: (event: 'error', listener: () => void) => unknown
  listeners: (event: 'error') => Method[]
  removeListener: (event: 'error', listener: Method) => unknown
}

const hasMethods = (value: unknown, names: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'function')

const isResponseStream = (value: unknown): value is ResponseStream => hasMethods(value, ['once', 'write', 'destroy'])

const isRuntimeStream = (stream: ResponseStream): stream is RuntimeStream =>
  Object.hasOwn(stream, 'destroy') && hasMethods(stream, ['setContentType', 'listeners', 'removeListener', 'emit'])

export const findResponseStream = (args: readonly unknown[]): ResponseStream | undefined => args.find(isResponseStream)

/**
 * Aborts the request when the client of its response stream leaves, and breaks the stream off when the request expires.
 *
 * @returns what rejects when the stream is broken off, so that a handler that hangs does not keep it open.
 */
export const guardResponseStream = (scope: RequestScope, stream: ResponseStream): Promise<never> => {
  const brokenOff = Promise.withResolvers<never>()
  const breakOff = isRuntimeStream(stream) ? detach(stream) : () => stream.destroy()
  stream.once('close', () => {
    if (!stream.writableFinished && !scope.bodyFailed) scope.interrupt('disconnected')
  })
  // A function that is written where it is assigned to a property, V8 puts into old space, with the whole request.
  const expire = (): void => {
    if (stream.writableFinished) return
    breakOff()
    brokenOff.reject(new RequestEndedError('response stream', 'timedOut'))
  }
  scope.onExpire = expire
  return brokenOff.promise
}

/**
 * Keeps the failure of a stream from the runtime client, which answers it with a rejection that nobody handles: that
 * would end the worker and every request in it. A stream that fails is closed for its writers instead, and the client
 * is told by the handler's rejection, which it can report.
 *
 * {@link https://github.com/aws/aws-lambda-nodejs-runtime-interface-client | Source}: `createResponseStream`
 */
const detach = (stream: RuntimeStream): (() => void) => {
  let broken = false
  const breakOff = (): void => {
    if (broken) return
    broken = true
    process.nextTick(stream.emit, 'close')
  }
  const unlessBroken =
    (method: Method): Method =>
    (...args) => {
      if (!broken) return method(...args)
      const callback = args.at(-1)
      if (typeof callback === 'function') process.nextTick(callback as Method)
      return true
    }
  for (const listener of stream.listeners('error')) stream.removeListener('error', listener)
  stream.on('error', breakOff)
  stream.write = unlessBroken(stream.write)
  stream.end = unlessBroken(stream.end)
  const destroy = (): RuntimeStream => {
    breakOff()
    return stream
  }
  stream.destroy = destroy
  return breakOff
}
