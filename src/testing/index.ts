export { type AdapterUnderTest, adapterContract, type ContractRule } from './adapter-contract.ts'
export { type Barrier, barrier } from './barrier.ts'
export { type ContextOverrides, createContext } from './context.ts'
export {
  type ConcurrentInvokeOptions,
  type InvokeOptions,
  invoke,
  invokeConcurrently,
  type TestedHandler,
} from './invoke.ts'
export { expectNoLeaks } from './leaks.ts'
export { type MemoryAdapter, type MemoryAdapterOptions, memoryAdapter } from './memory-adapter.ts'
export { stub } from './stub.ts'
