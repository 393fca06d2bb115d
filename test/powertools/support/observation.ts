import type { InvocationResult } from 'middy-managed-instances/local'
import type { Document } from './daemon.ts'
import type { DownstreamCall } from './downstream.ts'

export interface Order {
  readonly order: string
  readonly kind: 'answer' | 'fail' | 'early'
  readonly root: string
  readonly parent: string
}

const hexadecimal = (number: number, digits: number): string => number.toString(16).padStart(digits, '0')

/** Orders with traces of their own: of ten one fails, and one is answered early. */
export const ordersOf = (count: number): Order[] =>
  Array.from({ length: count }, (_, index) => ({
    order: `order-${index}`,
    kind: index % 10 === 3 ? 'fail' : index % 10 === 7 ? 'early' : 'answer',
    root: `1-5759e988-${hexadecimal(index + 1, 24)}`,
    parent: hexadecimal(index + 1, 16),
  }))

export const traceHeader = ({ root, parent }: Order): string => `Root=${root};Parent=${parent};Sampled=1`

interface Seen {
  readonly orders: readonly Order[]
  readonly results: readonly InvocationResult[]
  readonly documents: readonly Document[]
  readonly calls: readonly DownstreamCall[]
  readonly lines: readonly Blob[]
}

/** A line in JSON: if it has metrics, in CloudWatch's embedded metric format. */
interface Blob extends Readonly<Record<string, unknown>> {
  readonly _aws?: { readonly CloudWatchMetrics: readonly { readonly Dimensions: readonly (readonly string[])[] }[] }
}

/** How much of what a burst left behind is right. */
export const observe = ({ orders, results, documents, calls, lines }: Seen) => {
  const byId = new Map(documents.map((document) => [document.id, document]))
  const byOrder = new Map(orders.map((order, index) => [order.order, { ...order, result: results[index] }]))
  const handlers = documents.filter(({ name }) => name.startsWith('## '))
  const handlerOf = new Map(handlers.map((document) => [document.annotations?.['order'], document]))
  const isUnder = (document: Document | undefined, parent: Document | undefined, { root }: Order): boolean =>
    document !== undefined &&
    document.trace_id === root &&
    document.parent_id === parent?.id &&
    parent.trace_id === root
  const children = documents.filter(({ name }) => name === 'child')
  const childOf = new Map(children.map((document) => [document.annotations?.['order'], document]))
  const rightCalls = (kind: string, parents: Map<unknown, Document>): number =>
    calls.filter(({ kind: made, order, root, parent }) => {
      const expected = byOrder.get(order)
      if (made !== kind || expected === undefined || parent === undefined || root !== expected.root) return false
      return isUnder(byId.get(parent), parents.get(order), expected)
    }).length
  const logged = lines.filter((line) => 'function_request_id' in line)
  const blobs = lines.filter((line) => '_aws' in line)
  const isOwnBlob = (blob: Blob): boolean =>
    blob['handled'] === 1 &&
    blob._aws?.CloudWatchMetrics[0]?.Dimensions[0]?.includes('order') === true &&
    byOrder.get(String(blob['order']))?.result?.requestId === blob['request']
  return {
    answered: results.filter((result, index) => (result.status === 'ok') === (orders[index]?.kind !== 'fail')).length,
    handlers: orders.filter(({ order, root, parent }) => {
      const document = handlerOf.get(order)
      return document?.trace_id === root && document.parent_id === parent && document.in_progress === undefined
    }).length,
    faults: handlers.filter(({ fault, annotations, cause }) => {
      const expected = byOrder.get(String(annotations?.['order']))
      return fault && expected?.kind === 'fail' && cause?.exceptions[0]?.message === `${expected.order} failed`
    }).length,
    wrongFaults: handlers.filter(({ fault, annotations }) => {
      return fault && byOrder.get(String(annotations?.['order']))?.kind !== 'fail'
    }).length,
    children: orders.filter((order) => isUnder(childOf.get(order.order), handlerOf.get(order.order), order)).length,
    sdk: rightCalls('sdk', handlerOf),
    http: rightCalls('http', handlerOf),
    https: rightCalls('https', handlerOf),
    fetch: rightCalls('fetch', handlerOf),
    nested: rightCalls('nested', childOf),
    lines: logged.filter((line) => {
      const expected = byOrder.get(String(line['order']))
      const isOwn =
        expected?.result?.requestId === line['function_request_id'] && expected?.root === line['xray_trace_id']
      return line['message'] === 'arrived' ? !('order' in line) : isOwn
    }).length,
    allLines: logged.length,
    blobs: new Set(blobs.filter(isOwnBlob).map((blob) => blob['order'])).size,
    allBlobs: blobs.filter((blob) => 'handled' in blob).length,
    coldStarts: {
      metrics: blobs.filter((blob) => blob['ColdStart'] === 1).length,
      segments: handlers.filter(({ annotations }) => annotations?.['ColdStart'] === true).length,
      requests: new Set(logged.filter((line) => line['cold_start']).map((line) => line['function_request_id'])).size,
    },
  }
}
