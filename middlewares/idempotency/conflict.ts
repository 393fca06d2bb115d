interface HttpEvent {
  readonly httpMethod?: unknown
  readonly requestContext?: { readonly http?: unknown } | null
}

/** Whether an event comes from API Gateway, a function URL or a load balancer. */
export const isHttp = (event: unknown): boolean => {
  if (typeof event !== 'object' || event === null) return false
  const { httpMethod, requestContext } = event as HttpEvent
  return typeof httpMethod === 'string' || typeof requestContext?.http === 'object'
}

/** The answer to a duplicate of a request that is still in progress. */
export const conflict = (): object => ({
  statusCode: 409,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ message: 'This request is being processed already. Send it again later for its result.' }),
})
