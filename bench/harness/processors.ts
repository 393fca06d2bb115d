import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which processor is whose. */
interface Places {
  readonly client: string
  readonly server: string
  /** Those this process had before. */
  readonly all: string
}

const numbersOf = (list: string): number[] =>
  list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })

/** Nowhere where there is one processor, or none can be chosen. */
const findPlaces = (): Places | undefined => {
  if (process.platform !== 'linux') return undefined
  const all = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  const [client, server] = numbersOf(all)
  if (server === undefined) return undefined
  try {
    execFileSync('taskset', ['--version'])
  } catch {
    return undefined
  }
  return { client: `${client}`, server: `${server}`, all }
}

const places = findPlaces()

/** Keeps this process on a processor, with its threads and what it starts from here on. */
const stayOn = (processors: string | undefined): void => {
  if (processors !== undefined)
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, `${process.pid}`])
}

/** Whether a server has a processor of its own here. */
export const keepsApart: boolean = places !== undefined

/**
 * Measures with a server on a processor of its own, as it has a machine of its own. Otherwise threads and sessions stay
 * on the processors where they happen to meet, and wake each other there at a price that differs by more than a lease.
 */
export const besideServer = async <S extends { stop(): Promise<void> }, R>(
  start: () => Promise<S>,
  measure: (server: S) => Promise<R>,
): Promise<R> => {
  stayOn(places?.server)
  const server = await start()
  try {
    stayOn(places?.client)
    return await measure(server)
  } finally {
    await server.stop()
    stayOn(places?.all)
  }
}
