import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

// Fetched for 256 names at once: asking the system for 16 bytes takes longer than all else of a name.
const random = new Uint8Array(4096)
let used = random.length

const rng = (): Uint8Array => {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += 16
  return random.subarray(used - 16, used)
}

const uuid = (): string => v7({ rng })

/** The longest a Lambda function may run: stands in for the deadline of a context that has none. */
const longestRequest = 900_000

/** A directory being deleted belongs to whoever renamed it, for so long; then any sweeper may take it over. */
const removalLease = 60_000

/**
 * What the name of a directory in the root says: a workspace and the deadline of its request, or something being
 * deleted and when its deletion counts as given up. So a sweeper needs to ask nobody.
 */
export interface DirectoryName {
  readonly kind: 'workspace' | 'trash'
  /** In milliseconds since the epoch. */
  readonly expires: number
}

/** A name whose time is further than this from that of its uuid is not of ours, but a word before a uuid of somebody else's. */
const farthestDeadline = 86_400_000

const pattern = /^(trash-)?([0-9a-z]{8,9})-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const workspaceName = (deadline: number): string => {
  const now = Date.now()
  const expires = Math.abs(deadline - now) < farthestDeadline ? deadline : now + longestRequest
  return `${Math.ceil(expires).toString(36)}-${uuid()}`
}

export const trashName = (): string => `trash-${(Date.now() + removalLease).toString(36)}-${uuid()}`

/** A workspace kept for a look at it; no sweeper touches it. */
export const keptName = (name: string): string => `kept-${name}`

/** Reads a name; `undefined` for one that is not of ours. */
export const parseDirectoryName = (name: string): DirectoryName | undefined => {
  const match = pattern.exec(name)
  if (match === null) return undefined
  const [, trash, deadline = '', high = '', low = ''] = match
  const expires = Number.parseInt(deadline, 36)
  if (Math.abs(expires - Number.parseInt(high + low, 16)) > farthestDeadline) return undefined
  return { kind: trash === undefined ? 'workspace' : 'trash', expires }
}
