import { validator } from '@aws-lambda-powertools/validation/middleware'
import middy from '@middy/core'
import { Ajv } from 'ajv'
import { managed } from 'middy-managed-instances'

const inboundSchema = {
  type: 'object',
  properties: { id: { type: 'string' }, quantity: { type: 'integer', minimum: 1, maximum: 100 } },
  required: ['id', 'quantity'],
  additionalProperties: false,
}

const outboundSchema = {
  type: 'object',
  properties: { id: { type: 'string' }, price: { type: 'number' } },
  required: ['id', 'price'],
}

/** Without one of its own the validator compiles the schemas again for every request, which takes milliseconds. */
const ajv = new Ajv({ allErrors: true })

/** Prices an order: one that is not what its JSON Schema says never reaches the handler, and a wrong answer no caller. */
export const handler = middy<{ id: string; quantity: number }, { id: string; price: number }>(managed())
  .use(validator({ inboundSchema, outboundSchema, ajv }))
  .handler(async ({ id, quantity }) => {
    await Promise.resolve()
    return { id, price: quantity * 5 }
  })
