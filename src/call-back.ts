import { isThenable } from './scope/thenable.ts'

const ignore = (): void => {}

/**
 * Calls a function of the user's that is only told something: what it throws, or rejects with later, goes to `failed`,
 * and to nobody by default.
 */
export const callBack = (call: () => unknown, failed: (cause: unknown) => void = ignore): void => {
  try {
    const result = call()
    if (isThenable(result)) Promise.resolve(result).then(undefined, failed)
  } catch (cause) {
    failed(cause)
  }
}
