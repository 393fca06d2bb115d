import { Tracer } from '@aws-lambda-powertools/tracer'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { powertools } from 'middy-managed-instances/powertools'

/** Also captures every call by `fetch`, `node:http` and `node:https`, each under the segment that is open where it is made. */
export const tracer = new Tracer({ serviceName: 'orders' })

/** Does `work` in a subsegment of its own. */
const traced = <R>(name: string, work: () => Promise<R>): Promise<R> =>
  tracer.provider.captureAsyncFunc(name, async (segment) => {
    try {
      return await work()
    } catch (error) {
      tracer.addErrorAsMetadata(error as Error)
      throw error
    } finally {
      segment?.close()
    }
  }) as Promise<R>

/** Prices an order: each step is a subsegment under the trace of its own request, however many overlap. */
export const handler = middy<{ id: string; quantity: number }, { id: string; price: number }>(managed())
  .use(powertools({ tracer, captureResponse: false }))
  .handler(async ({ id, quantity }) => {
    tracer.putAnnotation('order', id)
    const price = await traced('price', async () => {
      tracer.putAnnotation('order', id)
      await Promise.resolve()
      return quantity * 5
    })
    await traced('reserve', async () => {
      tracer.putAnnotation('order', id)
      if (quantity > 100) throw new RangeError(`Order ${id} is for ${quantity} items; 100 are in stock.`)
    })
    return { id, price }
  })
