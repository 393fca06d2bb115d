import {
  IdempotencyInconsistentStateError,
  IdempotencyInvalidStatusError,
  IdempotencyKeyError,
  IdempotencyPersistenceLayerError,
} from '@aws-lambda-powertools/idempotency'

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)

const invalidPayload = 'Have eventKeyJmesPath name a part of the event that is JSON.'
const unreachable = 'Check that the store can be reached and the function may write to it, and send the request again.'

/** The error of a request whose event no key can be made of. */
export const noKeyOf = (cause: unknown): IdempotencyKeyError =>
  new IdempotencyKeyError(
    `idempotency(): the event can't be copied (${describe(cause)}), so the handler was not run. ${invalidPayload}`,
    { cause },
  )

const notLocked = (cause: unknown): Error => {
  const reason = describe(cause)
  if (cause instanceof Error && cause.name === 'IdempotencyKeyError')
    return new IdempotencyKeyError(
      `idempotency(): the event has nothing to make a key of (${reason}), so the handler was not run. ` +
        'Send what eventKeyJmesPath names, or leave throwOnNoIdempotencyKey out to run such requests without a key.',
      { cause },
    )
  const remedy = cause instanceof TypeError || cause instanceof RangeError ? invalidPayload : unreachable
  return new IdempotencyPersistenceLayerError(
    `idempotency(): the request could not be recorded as in progress (${reason}), so the handler was not run. ${remedy}`,
    { cause },
  )
}

const notSaved = (cause: unknown): Error =>
  new IdempotencyPersistenceLayerError(
    `idempotency(): the handler has done its work and the result could not be saved (${describe(cause)}). ` +
      'The request is not executed again while its lock lasts, in which a store that can not be reached is tried again. ' +
      'Check that the store can be reached, and that the result is JSON of a size it takes.',
    { cause },
  )

/** The same error of Powertools with a message that says what has happened and what to do. */
export const explained = (error: unknown, locked: boolean): unknown => {
  if (!(error instanceof Error)) return error
  const { name, cause } = error
  switch (name) {
    case 'IdempotencyPersistenceLayerError':
      return locked ? notSaved(cause) : notLocked(cause)
    case 'IdempotencyInvalidStatusError':
      return new IdempotencyInvalidStatusError(
        `idempotency(): the stored record has the unknown status ${JSON.stringify(error.message)}, so the handler was not run. ` +
          'Delete the record, and let nothing but Powertools write to the store.',
        { cause: error },
      )
    case 'IdempotencyInconsistentStateError':
      return new IdempotencyInconsistentStateError(
        `idempotency(): the record changed while it was read (${error.message}), so the handler was not run. Send the request again.`,
        { cause: error },
      )
    default:
      return error
  }
}
