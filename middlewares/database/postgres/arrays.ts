const escaped = /\\(.)/gs
const toEscape = /[\\"]/g

/**
 * Reads an array of any dimension from what PostgreSQL writes; bounds of its own are lost.
 *
 * @param parse - reads the text of an element, which is its value without it.
 */
export const parserOf = (delimiter: string, parse?: (text: string) => unknown): ((text: string) => unknown) => {
  const valueIn = (element: string): unknown => (parse === undefined ? element : parse(element))
  return (text) => {
    const outer: unknown[][] = []
    let elements: unknown[] = []
    let at = text.indexOf('{')
    while (at < text.length) {
      const char = text[at]
      if (char === '{') {
        const inner: unknown[] = []
        elements.push(inner)
        outer.push(elements)
        elements = inner
      } else if (char === '}') elements = outer.pop() ?? elements
      else if (char === '"') {
        const start = at + 1
        at = closingQuote(text, start)
        elements.push(valueIn(text.slice(start, at).replace(escaped, '$1')))
      } else if (char !== delimiter) {
        const start = at
        while (at + 1 < text.length && text[at + 1] !== delimiter && text[at + 1] !== '}') at += 1
        const element = text.slice(start, at + 1)
        elements.push(element === 'NULL' ? null : valueIn(element))
      }
      at += 1
    }
    return elements[0]
  }
}

/**
 * Writes an array of any dimension; leaves what is none, such as an array's text, as it is.
 *
 * @param serialize - makes the text of an element, or null.
 */
export const serializerOf = (
  delimiter: string,
  serialize: (element: unknown) => unknown,
): ((value: unknown) => unknown) => {
  const writeElement = (element: unknown): string => {
    const text = serialize(element)
    return text === null ? 'NULL' : `"${String(text).replace(toEscape, '\\$&')}"`
  }
  const write = (value: unknown): unknown => {
    if (!Array.isArray(value)) return value
    // An element of a json[] may be an array, the first one only if it is a dimension. A hole is an undefined element.
    return `{${Array.from<unknown, unknown>(value, Array.isArray(value[0]) ? write : writeElement).join(delimiter)}}`
  }
  return write
}

const closingQuote = (text: string, start: number): number => {
  let at = start
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
