import { inspect } from 'node:util'
import { isStubbable, type Source } from '../source.ts'

/**
 * Has a source serve `value` in this worker, to everybody who asks the same backend for the same name, until the function
 * that is returned is called. The value is frozen; no backend is asked.
 *
 * @throws TypeError for something that is no source of this package.
 *
 * @example
 * ```ts
 * import middy from '@middy/core'
 * import { managed } from 'middy-managed-instances'
 * import { parameters, ssm } from 'middy-managed-instances/parameters'
 * import { invoke, stub } from 'middy-managed-instances/testing'
 *
 * const bucket = ssm('/orders/bucket')
 * const handler = middy<object, string>(managed())
 *   .use(parameters({ values: { bucket } }))
 *   .handler(async (event, { parameters }) => parameters.bucket)
 *
 * const restore = stub(bucket, 'test-bucket')
 * console.log(await invoke(handler, {})) // test-bucket
 * restore()
 * ```
 */
export const stub = <T>(source: Source<T>, value: NoInfer<T>): (() => void) => {
  if (!isStubbable(source))
    throw new TypeError(
      `stub(): expected a source of this package, as ssm('/orders/bucket'), received ${inspect(source, { depth: 0 })}.`,
    )
  source.stub({ value })
  return () => source.stub()
}
