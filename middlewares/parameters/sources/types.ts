/** What `JSON.parse` returns. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** The options without a transform. */
export type Untransformed<Options> = Options & { transform?: never }

/** The options with this transform. */
export type WithTransform<Options, Transform> = Omit<Options, 'transform'> & { transform: Transform }
