/** An error as the runtime client sends it. */
export interface FunctionError {
  readonly errorType: string
  readonly errorMessage: string
  readonly trace: readonly string[]
}

/** What an HTTP handler puts before its streamed body with `awslambda.HttpResponseStream.from(stream, metadata)`. */
export interface HttpMetadata {
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
}

interface Settled {
  readonly requestId: string
  /** Index of the worker that took the invocation; `undefined` when none did. */
  readonly worker: number | undefined
  /** From the moment the invocation was in flight to its end, in milliseconds. */
  readonly durationMs: number
}

/** The function answered. */
export interface Answered extends Settled {
  readonly status: 'ok'
  /** The parsed response; `undefined` for a streamed one. */
  readonly payload: unknown
  /** The bytes of the response, without the HTTP metadata; empty when they were read from `invokeStream`. */
  readonly body: Buffer
  /** The response's content type. */
  readonly contentType: string
  /** Whether the function streamed. */
  readonly streamed: boolean
  /** The HTTP metadata of a streamed response; with `invokeStream` it stands beside the body. */
  readonly metadata: HttpMetadata | undefined
}

/** The function threw, or its stream failed. */
export interface FunctionFailed extends Settled {
  readonly status: 'function-error'
  readonly error: FunctionError
  /** What was streamed before the error. */
  readonly body: Buffer
}

/** No answer by the deadline; the code may still be running. */
export interface TimedOut extends Settled {
  readonly status: 'timeout'
  readonly error: FunctionError
}

/** The worker died or the runtime ended before there was an answer. */
export interface Unanswered extends Settled {
  readonly status: 'unanswered'
  readonly error: FunctionError
}

/** How one invocation ended. */
export type InvocationResult = Answered | FunctionFailed | TimedOut | Unanswered

/** The literals of {@link InvocationResult}. */
export type InvocationStatus = InvocationResult['status']

/** An {@link InvocationResult} before it knows whose it is. */
export type Ending =
  | Omit<Answered, keyof Settled>
  | Omit<FunctionFailed, keyof Settled>
  | Omit<TimedOut, keyof Settled>
  | Omit<Unanswered, keyof Settled>

const nothing: Buffer = Buffer.alloc(0)

/** The most bytes an event or a buffered response may have. */
export const payloadLimit = 6_291_556

export function answered(text: Buffer): Ending {
  if (text.length > payloadLimit) {
    return failed({
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: `Response payload size exceeded maximum allowed payload size (${payloadLimit} bytes).`,
      trace: [],
    })
  }
  const payload: unknown = JSON.parse(text.toString())
  return { status: 'ok', payload, body: text, contentType: 'application/json', streamed: false, metadata: undefined }
}

export function failed(error: FunctionError, body: Buffer = nothing): Ending {
  return { status: 'function-error', error, body }
}

export function timedOut(requestId: string, timeout: number): Ending {
  const seconds = (timeout / 1000).toFixed(2)
  const errorMessage = `${new Date().toISOString()} ${requestId} Task timed out after ${seconds} seconds`
  return { status: 'timeout', error: { errorType: 'Sandbox.Timedout', errorMessage, trace: [] } }
}

export function unanswered(requestId: string, reason: string): Ending {
  const errorMessage = `RequestId: ${requestId} Error: ${reason}`
  return { status: 'unanswered', error: { errorType: 'Runtime.ExitError', errorMessage, trace: [] } }
}

/** The error a runtime client has posted, whatever it looks like. */
export function readFunctionError(json: string): FunctionError {
  try {
    const { errorType, errorMessage, trace } = JSON.parse(json) as Partial<FunctionError>
    return { errorType: errorType ?? 'Error', errorMessage: errorMessage ?? '', trace: trace ?? [] }
  } catch {
    return { errorType: 'Runtime.Unknown', errorMessage: json, trace: [] }
  }
}
