import { type Trace, traces } from '../pool/trace.ts'

export type { Trace }

// A statement's first words come after the text's begin or a semicolon, white space and comments.
const start = String.raw`(?:^|;)(?:\s|--[^\n]*(?:\n|$)|/\*[\s\S]*?\*/)*`

const startsResettable = new RegExp(
  `${start}(?:set\\b(?!\\s+(?:local|transaction|constraints)\\b)|reset|listen|declare|do|call|discard)\\b`,
  'i',
)
const containsResettable =
  /\bset_config\s*\(|\bpg_(?:try_)?advisory_lock|\bcreate\s+(?:or\s+replace\s+)?(?:global\s+|local\s+)?temp(?:orary)?\b|\binto\s+(?:local\s+)?temp(?:orary)?\b|\bpg_temp\b/i
// What is prepared by name the driver believes to be there, and what dblink has opened no reset closes.
const startsLasting = new RegExp(
  `${start}(?:prepare\\b(?!\\s+transaction\\b)|deallocate\\b|discard\\s+all\\b|load\\b)`,
  'i',
)
const containsLasting = /\bdblink_connect/i

const classify = (text: string): Trace => {
  if (startsLasting.test(text) || containsLasting.test(text)) return 'lasting'
  return startsResettable.test(text) || containsResettable.test(text) ? 'resettable' : 'none'
}

/**
 * What a text may leave behind, going by its words. It can't see what a function does that the text calls: where
 * functions of one's own change the session, the reset has to be `'always'`.
 */
export const traceOf: (text: string) => Trace = traces(classify)

/**
 * What `DISCARD ALL` does without its `DEALLOCATE ALL`, which would take from node-postgres the named statements it
 * believes to be prepared, and without `DISCARD PLANS`, which would have them planned anew.
 *
 * {@link https://www.postgresql.org/docs/current/sql-discard.html}
 */
export const resetSession =
  'CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES'
