import { InvokeStore, InvokeStoreBase } from '@aws/lambda-invoke-store'

/** Runs `fn` in the store that the runtime client opens for every request on Managed Instances. */
export const runInInvokeStore = async <R>(requestId: string, fn: () => R): Promise<Awaited<R>> => {
  const store = await InvokeStore.getInstanceAsync(true)
  return await store.run({ [InvokeStoreBase.PROTECTED_KEYS.REQUEST_ID]: requestId }, fn)
}
