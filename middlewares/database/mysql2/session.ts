import { type Trace, traces } from '../pool/trace.ts'

// A statement's first words come after the text's begin or a semicolon, white space and comments.
const start = String.raw`(?:^|;)(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*[\s\S]*?\*/)*`

const startsResettable = new RegExp(
  `${start}(?:set\\b(?!\\s+statement\\b)|use|lock|flush|backup|handler|call|load|prepare|execute|begin\\s+not\\s+atomic|if|case|for|loop|while|repeat)\\b`,
  'i',
)
// A comment with an exclamation mark is carried out.
const containsResettable =
  /\/\*M?!|\bget_lock\s*\(|:=|\binto\s+@|\bcreate\s+(?:or\s+replace\s+)?temporary\b|\bexecute\s+immediate\b/i
const startsLasting = new RegExp(`${start}xa\\b`, 'i')

const classify = (text: string): Trace => {
  if (startsLasting.test(text)) return 'lasting'
  return startsResettable.test(text) || containsResettable.test(text) ? 'resettable' : 'none'
}

/**
 * What a text may leave behind, going by its words. It can't see what a stored function does that the text calls: where
 * functions of one's own change the session, the reset has to be `'always'`.
 */
export const traceOf: (text: string) => Trace = traces(classify)

/** What a query may leave behind: all it can, if it does not show its text. */
export const traceOfQuery = (query: unknown): Trace => {
  const text = typeof query === 'string' ? query : (query as { sql?: unknown } | null | undefined)?.sql
  return typeof text === 'string' ? traceOf(text) : 'resettable'
}
