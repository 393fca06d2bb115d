import { type Backend, startBackend } from '../../examples/backend/backend.ts'
import type { Figure } from '../harness/figure.ts'
import { Isolate } from '../harness/isolate.ts'
import { byEvent, type Contestant, storedValue } from './contestants.ts'
import type { Keeping, Step } from './memory-worker.ts'

/** As many as `parameters()` keeps. */
const count = 10_000

const ours: readonly Contestant[] = ['parameters()', byEvent]
const peers: readonly Contestant[] = ['@middy/ssm', 'Powertools']

const names = Array.from({ length: count }, (_, index) => `/bench/name-${index}`)

/** @throws if a name was not fetched, or more than once. */
const requireFetchedOnce = (backend: Backend): void => {
  const fetched = [...backend.calls].flatMap(({ request }) => (request as { Names: readonly string[] }).Names)
  if (fetched.length !== count || new Set(fetched).size !== count)
    throw new Error(`${count} names, each read twice, were fetched ${fetched.length} times`)
}

/** How many bytes of its heap a worker keeps for each name, after it has read every name twice. */
const bytesPerName = async (contestant: Contestant): Promise<number> => {
  const backend = await startBackend()
  for (const name of names) backend.parameters.set(name, { value: storedValue(name) })
  const keeping: Keeping = { contestant, names, backend: { clientOptions: backend.clientOptions } }
  const isolate = new Isolate<Step, number>(new URL('./memory-worker.ts', import.meta.url), keeping)
  try {
    // Answered when the worker's own first call is over, which does not count.
    await isolate.measure('weigh')
    backend.calls.reset()
    for (let pass = 0; pass < 2; pass++) await isolate.measure('read')
    if (ours.includes(contestant)) requireFetchedOnce(backend)
    // Ends the connections, which no name is to blame for.
    await backend.stop()
    return (await isolate.measure('weigh')) / count
  } finally {
    await isolate.stop()
    await backend.stop()
  }
}

const figure = (own: Contestant, peer: Contestant, bytes: ReadonlyMap<Contestant, number>): Figure => {
  const ofOwn = bytes.get(own) ?? Number.NaN
  const ofPeer = bytes.get(peer) ?? Number.NaN
  return {
    name: `memory of each of 10,000 names: ${own}, against ${peer}`,
    unit: 'bytes',
    ours: ofOwn,
    peer: ofPeer,
    compared: 'ratio',
    value: ofOwn / ofPeer,
    goal: undefined,
  }
}

/** What a worker keeps in memory, and that all of it is in bounds. @throws if a read fails, or ours fetches a name again. */
export const measureMemory = async (): Promise<Figure[]> => {
  const bytes = new Map<Contestant, number>()
  for (const contestant of [...ours, ...peers]) bytes.set(contestant, await bytesPerName(contestant))
  return ours.flatMap((own) => peers.map((peer) => figure(own, peer, bytes)))
}
