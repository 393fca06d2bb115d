/** What an element holds: text, elements by name, or several elements of one name. */
export type Xml = string | number | boolean | { readonly [name: string]: Xml | readonly Xml[] }

/** One XML element with its content, as S3 writes it. */
export const element = (name: string, content: Xml | readonly Xml[], attributes = ''): string => {
  if (isList(content)) return content.map((item) => element(name, item)).join('')
  const inner =
    typeof content === 'object'
      ? Object.entries(content)
          .map(([child, value]) => element(child, value))
          .join('')
      : escapeText(String(content))
  return `<${name}${attributes}>${inner}</${name}>`
}

const namespace = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

/** A whole document around one element. */
export const document = (name: string, content: Xml): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, content, namespace)}`

const isList = (content: Xml | readonly Xml[]): content is readonly Xml[] => Array.isArray(content)

const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
