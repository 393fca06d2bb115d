/** What is looked at in an error of a driver, its server or the system. */
export interface Failure {
  readonly code?: string
  readonly message?: string
}

/** The codes of those that may pass by themselves. */
export const passingSystemCodes: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOENT',
]

/** A host with several addresses fails with an error for each. */
export const failureOf = (error: unknown): Failure => {
  const { errors } = error as Partial<AggregateError>
  return Array.isArray(errors) ? ((errors[0] as Failure | undefined) ?? (error as Failure)) : (error as Failure)
}

/** What nobody has answered in time fails with. */
export const noAnswer = (milliseconds: number): Error =>
  Object.assign(new Error(`no answer within ${Math.round(milliseconds)} ms`), { code: 'ETIMEDOUT' })
