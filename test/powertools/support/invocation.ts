import { InvokeStore, InvokeStoreBase } from '@aws/lambda-invoke-store'
import { jest } from '@jest/globals'

const { REQUEST_ID, X_RAY_TRACE_ID } = InvokeStoreBase.PROTECTED_KEYS

let next = 0

/** A trace of its own for a request. */
export const newTrace = (fields = 'Sampled=1'): { root: string; parent: string; header: string } => {
  next += 1
  const root = `1-5759e988-${next.toString(16).padStart(24, '0')}`
  const parent = next.toString(16).padStart(16, '0')
  return { root, parent, header: `Root=${root};Parent=${parent};${fields}` }
}

/** Runs a request as the runtime client does, in a store of its own, with that trace header. */
export const invokeTraced = async <R>(header: string | undefined, request: () => R): Promise<Awaited<R>> => {
  const store = await InvokeStore.getInstanceAsync(true)
  Object.assign(globalThis, { awslambda: { ...globalThis.awslambda, InvokeStore: store } })
  next += 1
  return await store.run({ [REQUEST_ID]: `request-${next}`, [X_RAY_TRACE_ID]: header }, request)
}

/** Takes what is written by `console`, parsed: EMF blobs and log lines. */
export const takeConsole = (): { lines: () => Record<string, unknown>[]; blobs: () => Record<string, unknown>[] } => {
  const written = (['log', 'info', 'debug', 'error', 'warn'] as const).map((level) =>
    jest.spyOn(console, level).mockImplementation(() => {}),
  )
  const all = (): Record<string, unknown>[] =>
    written
      .flatMap(({ mock }) => mock.calls.map(([text]) => String(text)))
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text))
  return {
    lines: () => all().filter((line) => 'message' in line),
    blobs: () => all().filter((line) => '_aws' in line),
  }
}

/** Takes our warnings. */
export const takeWarnings = (): (() => string[]) => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation((() => {}) as never)
  return () =>
    warned.mock.calls.filter(([, type]) => String(type) === 'ManagedInstancesWarning').map(([text]) => String(text))
}
