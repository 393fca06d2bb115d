import type { Group } from './group.ts'

/** One claim, for a worker that was not there when it was made. */
export interface ClaimRecord {
  readonly key: string
  readonly member: string
  readonly ticket: number
  readonly expires: number
}

/** What members tell each other about what they fetch; `from` is the member, times are of the monotonic clock. */
export type News<Answer> =
  | {
      readonly type: 'claim'
      readonly from: string
      readonly keys: readonly string[]
      readonly ticket: number
      readonly expires: number
    }
  /** The member still fetches these keys, and no others. */
  | { readonly type: 'renewal'; readonly from: string; readonly keys: readonly string[]; readonly expires: number }
  | { readonly type: 'answers'; readonly answers: readonly (readonly [key: string, answer: Answer])[] }
  | { readonly type: 'return'; readonly from: string; readonly keys: readonly string[] }

/** Asks the members for what they know; whoever sets `answered` first replies. A founder has its group to offer. */
export interface Hello {
  readonly type: 'hello'
  readonly from: string
  readonly answered: SharedArrayBuffer
  readonly group?: Group
}

/** The reply, which goes to one worker only. */
export interface Welcome<Answer> {
  readonly group: Group
  readonly claims: readonly ClaimRecord[]
  readonly answers: readonly (readonly [key: string, answer: Answer])[]
}
