import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { workerData } from 'node:worker_threads'
import { GetParametersCommand } from '@aws-sdk/client-ssm'
import { clientContext } from '../harness/context.ts'
import { serve } from '../harness/isolate.ts'
import { type Contestant, contestants, createClient, eventsOf, type Handler, type Reachable } from './contestants.ts'

/** Who keeps what. */
export interface Keeping {
  readonly contestant: Contestant
  readonly names: readonly string[]
  readonly backend: Reachable
}

/** `read` has every name read, `weigh` tells how many bytes the heap has more than before. */
export type Step = 'read' | 'weigh'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const heapUsed = async (): Promise<number> => {
  for (let round = 0; round < 3; round++) {
    collectGarbage()
    await nextTurn()
  }
  return getHeapStatistics().used_heap_size
}

const ttl = 3_600_000

const { contestant, names, backend } = workerData as Keeping

// What the SDK loads for its first call is nobody's.
const first = createClient(backend)
await first.send(new GetParametersCommand({ Names: [...names.slice(0, 1)] }))
first.destroy()
const before = await heapUsed()
let handler: Handler | undefined

serve(async (step: Step): Promise<number> => {
  if (step === 'weigh') return (await heapUsed()) - before
  handler ??= contestants[contestant](names, ttl, backend)
  const read = handler
  await Promise.all(eventsOf(contestant, names).map((event) => read(event, clientContext())))
  return 0
})
