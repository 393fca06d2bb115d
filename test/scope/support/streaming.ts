import { Writable } from 'node:stream'
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse'
import type { Handler, Plugin } from './handlers.ts'

export const streamingMark: symbol = Symbol.for('aws.lambda.runtime.handler.streaming')

/** Offers handlers the global that the runtime client offers: it marks a function as one that streams. */
export const installAwsLambda = (): void => {
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: object) => Object.assign(handler, { [streamingMark]: 'response' }),
      HttpResponseStream: {
        from: (stream: ResponseStream, prelude: unknown) => Object.assign(stream, { prelude }),
      },
    },
  })
}

/** The client's end of a response stream. */
export class ResponseStream extends Writable {
  readonly #chunks: string[] = []
  prelude: unknown

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#chunks.push(String(chunk))
    callback()
  }

  get text(): string {
    return this.#chunks.join('')
  }

  /** What the runtime client does to the stream when the client has gone. */
  leave(): void {
    this.destroy()
  }
}

export const streaming: Plugin = { executionMode: executionModeStreamifyResponse }

/** Resolves with what the client has received, once the handler is done. */
export const invokeStreaming = async (
  handler: Handler,
  event: unknown,
  context: unknown,
  stream: ResponseStream = new ResponseStream(),
): Promise<string> => {
  stream.on('error', () => {})
  await handler(event, stream, context)
  return stream.text
}
