import { createHmac } from 'node:crypto'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { parameters, secret, ssm } from 'middy-managed-instances/parameters'

/** What the function takes from the Parameter Store and Secrets Manager; each is fetched once for the whole process. */
export const sources = {
  bucket: ssm('/orders/bucket'),
  limits: ssm<{ lines: number }>('/orders/limits', { transform: 'json', ttl: 60_000 }),
  signingKey: secret('orders/signing-key'),
}

/** Says where an order goes, signed, unless it has too many lines. */
export const handler = middy<{ id: string; lines: number }, { url: string; signature: string }>(managed())
  .use(parameters({ values: sources }))
  .handler(async ({ id, lines }, { parameters }) => {
    const { bucket, limits, signingKey } = parameters
    if (lines > limits.lines) throw new RangeError(`Order ${id} has ${lines} lines; ${limits.lines} are allowed.`)
    const url = `s3://${bucket}/${id}.json`
    return { url, signature: createHmac('sha256', signingKey).update(url).digest('hex') }
  })
