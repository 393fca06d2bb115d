import { parser } from '@aws-lambda-powertools/parser/middleware'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'

interface Order {
  readonly id: string
  readonly quantity: number
}

/** A Standard Schema by hand; those of Zod, Valibot and ArkType are given to the parser as they are. */
const order = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate: (value: unknown): { value: Order } | { issues: { message: string }[] } => {
      const { id, quantity } = Object(value)
      if (typeof id !== 'string') return { issues: [{ message: 'id must be a string' }] }
      if (!(Number(quantity) >= 1)) return { issues: [{ message: 'quantity must be 1 or more' }] }
      return { value: { id, quantity: Number(quantity) } }
    },
  },
} as const

/** Prices an order, whose quantity has come as a string: the handler has it as its schema makes it. */
export const handler = middy<Order, { id: string; price: number }>(managed())
  .use(parser({ schema: order }))
  .handler(async ({ id, quantity }) => {
    await Promise.resolve()
    return { id, price: quantity * 5 }
  })
