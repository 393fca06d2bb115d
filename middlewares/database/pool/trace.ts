/** What a statement may leave behind in its session: nothing, what a reset takes away, or what only its end does. */
export type Trace = 'none' | 'resettable' | 'lasting'

const longestKept = 4_096
const mostKept = 1_000

/** Keeps what `classify` says of texts that come again and again. */
export const traces = (classify: (text: string) => Trace): ((text: string) => Trace) => {
  const kept = new Map<string, Trace>()
  return (text) => {
    const known = kept.get(text)
    if (known !== undefined) return known
    const trace = classify(text)
    if (text.length <= longestKept) {
      if (kept.size >= mostKept) kept.clear()
      kept.set(text, trace)
    }
    return trace
  }
}
