/** A part of a list, and the token for the next one if there is more. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: { readonly NextToken?: string }
}

/** Cuts the page out of a list that a token of the page before asks for. @param refuse - makes the error for a token that was never given. */
export const pageOf = <Item>(
  items: readonly Item[],
  size: number,
  token: string | undefined,
  refuse: () => Error,
): Page<Item> => {
  const start = token === undefined ? 0 : Number(/^from-(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1])
  if (!(start <= items.length)) throw refuse()
  const end = start + size
  const next = end < items.length ? { NextToken: Buffer.from(`from-${end}`).toString('base64url') } : {}
  return { items: items.slice(start, end), next }
}
