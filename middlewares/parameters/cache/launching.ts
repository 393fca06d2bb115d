import { setImmediate, setTimeout } from 'node:timers'
import { outsideRequests } from '../../../src/scope/outside-requests.ts'
import { openFlights } from '../../../src/shared/flights.ts'
import type { Policy } from '../options.ts'
import type { Origin } from '../origin.ts'
import { type Answer, type CallTime, failed, pack, unpack } from './answer.ts'
import { allEntries, entryOf, keepWhileFetched, letGo, noteChange } from './entries.ts'
import type { Entry } from './entry.ts'
import { fetchAll, type OnFetched } from './fetching.ts'
import { type Urgency, Wish } from './wish.ts'

const accept = (entry: Entry, answer: Answer): void => {
  if (entry.accept(answer)) noteChange()
}

const flights = openFlights<Answer>('parameters', {
  receive(key, answer) {
    const entry = entryOf(key)
    accept(entry, unpack(answer))
    entry.counters.count('shared', key)
  },
  *snapshot() {
    for (const { key, answer, failure } of allEntries()) {
      if (answer !== undefined) yield [key, answer]
      if (failure !== undefined) yield [key, pack(failure)]
    }
  },
})

/** Milliseconds by which workers that have the SDK loaded are ahead of those that would have to load it first. */
const headStart = 200

let turn: Wish[] = []

const collect = (wish: Wish): void => {
  if (turn.push(wish) === 1) outsideRequests(setImmediate, launch)
}

/** Sends off what was wished for in one turn of the event loop, by whichever request. */
const launch = (): void => {
  const wishes = turn
  turn = []
  fetchAll(
    wishes.filter(({ shared }) => !shared),
    (wish, time, fetched) => conclude(wish, answerOf(wish, time, fetched)),
  )
  const shared = wishes.filter(({ shared }) => shared)
  const urgent = shared.filter((wish) => !isBetterLeft(wish))
  const patient = shared.filter(isBetterLeft)
  if (urgent.length > 0) fetchOnceForAll(urgent)
  if (patient.length > 0) setTimeout(fetchOnceForAll, headStart, patient).unref()
}

/** Whether a worker that has fetched before should do it again: loading the SDK would hold up the requests of this one. */
const isBetterLeft = ({ urgency, isPrepared }: Wish): boolean => urgency === 'background' && !isPrepared

const fetchOnceForAll = async (wishes: readonly Wish[]): Promise<void> => {
  const own = await claim(wishes)
  const unprepared = own.filter(({ isPrepared }) => !isPrepared)
  fetchAndTell(own.filter(({ isPrepared }) => isPrepared))
  if (unprepared.length === 0) return
  await Promise.all(unprepared.map((wish) => wish.prepare()))
  // On a busy machine that may have blocked this worker until its claims ran out, and others have taken over.
  fetchAndTell(await claim(unprepared))
}

/** Gives the wishes that this worker is to fetch; the others end when they are fulfilled, and are wished again if not. */
const claim = async (wishes: readonly Wish[]): Promise<Wish[]> => {
  const { mine, others } = await flights.claim(wishes.map(({ entry }) => entry.key))
  const claimed = new Set(mine)
  const own: Wish[] = []
  for (const wish of wishes) {
    const { key } = wish.entry
    if (wish.isFulfilled) {
      if (claimed.has(key)) flights.giveBack([key])
      end(wish)
    } else if (claimed.has(key)) own.push(wish)
    else others.get(key)?.then(() => (wish.isFulfilled ? end(wish) : wishAgain(wish)))
  }
  return own
}

/** Who was to fetch it is dead or busy: the next had better be a worker that need not load anything. */
const wishAgain = (wish: Wish): void => {
  if (wish.isPrepared) collect(wish)
  else setTimeout(collect, headStart, wish)
}

const fetchAndTell = (wishes: readonly Wish[]): Promise<void> =>
  fetchAll(wishes, (wish, time, fetched) => {
    conclude(wish, announce(wish, answerOf(wish, time, fetched), time))
  })

/** Tells the other workers of an answer; what can't travel is a failure, here as there. */
const announce = (wish: Wish, answer: Answer, time: CallTime): Answer => {
  const { key } = wish.entry
  try {
    flights.settle([[key, pack(answer)]])
    return answer
  } catch (cause) {
    const error = new TypeError(
      'What it loads holds something that no other worker can get, as a function. Give it shared: false.',
      { cause },
    )
    return announce(wish, failed(error, time, wish.entry.failure?.attempts ?? 0), time)
  }
}

const answerOf = ({ entry }: Wish, time: CallTime, fetched: Parameters<OnFetched>[2]): Answer => {
  const { at } = time
  if (fetched === 'missing') return { kind: 'missing', at }
  if ('error' in fetched) return failed(fetched.error, time, entry.failure?.attempts ?? 0)
  return { kind: 'value', at, ...fetched }
}

const conclude = (wish: Wish, answer: Answer): void => {
  const { entry } = wish
  accept(entry, answer)
  entry.counters.count(answer.kind === 'failed' ? 'failure' : 'refresh', entry.key)
  end(wish)
}

const end = (wish: Wish): void => {
  letGo(wish.entry)
  noteChange()
  wish.end()
}

/** Has a source fetched in this turn, unless it is being fetched already. */
export const fetchSoon = (entry: Entry, origin: Origin, policy: Policy, urgency: Urgency): Promise<void> => {
  if (entry.flight !== undefined) return entry.flight.landed
  keepWhileFetched(entry)
  const wish = new Wish(entry, origin, policy, urgency)
  collect(wish)
  return wish.landed
}
