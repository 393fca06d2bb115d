/** What a fetch brought, as it travels between the workers of a process. */
export type Answer = ValueAnswer | MissingAnswer | FailedAnswer

/** A value as the backend sent it. */
export interface ValueAnswer {
  readonly kind: 'value'
  /** When its fetch started, in milliseconds since the epoch: the value is at most as old as this. */
  readonly at: number
  readonly raw: unknown
  /** What the next fetch needs of this one. */
  readonly carry?: unknown
  /** The backend asks not to be asked again before this time. */
  readonly notBefore?: number
}

/** The backend says that there is no such parameter. */
export interface MissingAnswer {
  readonly kind: 'missing'
  readonly at: number
}

/** A fetch failed. */
export interface FailedAnswer {
  readonly kind: 'failed'
  readonly at: number
  /** How many have failed in a row. */
  readonly attempts: number
  readonly retryAt: number
  readonly error: unknown
}

const firstStep = 1_000
const longestStep = 10_000

/** When a call was made. All names that failed together are tried again together. */
export interface CallTime {
  readonly at: number
  readonly endedAt: number
  /** At random, from 0 to 1. */
  readonly jitter: number
}

/** A failure and when to try again: after 1, 2, 4, 8 and then 10 seconds, each shortened at random by up to a half. */
export const failed = (error: unknown, { at, endedAt, jitter }: CallTime, failuresBefore: number): FailedAnswer => {
  const step = Math.min(longestStep, firstStep * 2 ** Math.min(failuresBefore, 10))
  const retryAt = endedAt + step * (0.5 + jitter / 2)
  return { kind: 'failed', at, attempts: failuresBefore + 1, retryAt, error }
}

/** An error as it travels: its class stays behind, its name does not. */
interface PackedError {
  readonly name: string
  readonly message: string
}

/** The answer in a form that any worker can read. */
export const pack = (answer: Answer): Answer => {
  if (answer.kind !== 'failed') return answer
  const { name, message } = answer.error instanceof Error ? answer.error : new Error(String(answer.error))
  return { ...answer, error: { name, message } satisfies PackedError }
}

export const unpack = (answer: Answer): Answer => {
  if (answer.kind !== 'failed') return answer
  const { name, message } = answer.error as PackedError
  return { ...answer, error: Object.assign(new Error(message), { name }) }
}
