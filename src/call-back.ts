import { isThenable } from './scope/thenable.ts'

/** Calls a function of the user's that is only told something: what it throws, or rejects with later, goes to `failed`. */
export const callBack = (call: () => unknown, failed: (cause: unknown) => void): void => {
  try {
    const result = call()
    if (isThenable(result)) Promise.resolve(result).then(undefined, failed)
  } catch (cause) {
    failed(cause)
  }
}
