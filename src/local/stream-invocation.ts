import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import type { Invocation } from './invocation.ts'
import { contentTypeOf, hasMetadata, splitMetadata } from './response-body.ts'
import type { HttpMetadata, InvocationResult } from './results.ts'
import type { StreamedInvocation } from './runtime.ts'

type Head = Pick<StreamedInvocation, 'contentType' | 'metadata' | 'body'>

/** Runs an invocation whose response is handed on while it is written. */
export async function streamInvocation(
  create: (onStream: NonNullable<Invocation['onStream']>) => Invocation,
  run: (invocation: Invocation) => Promise<InvocationResult>,
  keepMetadata: boolean,
): Promise<StreamedInvocation> {
  let begin: (head: Head | Promise<Head>) => void = () => {}
  const begun = new Promise<Head>((resolve) => {
    begin = resolve
  })
  let relayed: PassThrough | undefined
  const invocation = create((response, hangUp) => {
    relayed = relay(response, invocation, hangUp)
    begin(readHead(response, relayed, keepMetadata))
  })
  const result = run(invocation)
    .then((settled): InvocationResult => {
      if (settled.status !== 'ok') cut(new Error(settled.error.errorMessage))
      begin({
        contentType: 'application/json',
        metadata: undefined,
        body: Readable.from(settled.status === 'ok' ? [settled.body] : []),
      })
      return settled
    })
    .catch((aborted: unknown) => {
      cut(aborted as Error)
      throw aborted
    })

  function cut(reason: Error): void {
    if (relayed?.writableEnded === false) relayed.destroy(reason)
  }

  // The result alone can fail, by the caller's signal.
  const head = await Promise.race([begun, result.then(() => begun)])
  return { requestId: invocation.id, ...head, result }
}

function relay(response: IncomingMessage, invocation: Invocation, hangUp: () => void): PassThrough {
  const body = new PassThrough()
  response.pipe(body)
  // Who reads the body sees its errors; who only waits for the result must not end with them.
  body.on('error', () => {})
  body.once('close', () => {
    if (response.complete) return
    // After its deadline the function writes on, to nobody.
    if (invocation.stage.name === 'settled') response.resume()
    else hangUp()
  })
  return body
}

async function readHead(response: IncomingMessage, body: PassThrough, keepMetadata: boolean): Promise<Head> {
  const contentType = contentTypeOf(response)
  const metadata = keepMetadata || !hasMetadata(response) ? undefined : await readMetadata(body)
  return { contentType, metadata, body }
}

async function readMetadata(body: PassThrough): Promise<HttpMetadata | undefined> {
  let head = Buffer.alloc(0)
  while (!body.readableEnded && !body.destroyed) {
    const chunk = body.read() as Buffer | null
    if (chunk === null) {
      await Promise.race([once(body, 'readable'), once(body, 'close')])
      continue
    }
    head = Buffer.concat([head, chunk])
    const split = splitMetadata(head)
    if (split) {
      if (split.body.length > 0) body.unshift(split.body)
      return split.metadata
    }
  }
  return undefined
}
