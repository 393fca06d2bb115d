import { randomUUID } from 'node:crypto'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loader, type Source } from 'middy-managed-instances/parameters'
import { ownClock } from './fixtures/clock.ts'
import { settle } from './fixtures/origin.ts'

const clock = ownClock()

/** What the backend sends: when it was asked. */
interface Stamp {
  readonly at: number
}

interface Bounds {
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly refreshAhead: number
}

/** A source that is driven by a schedule, with what its backend sees and what its readers get. */
class Trial {
  readonly waits: Promise<void>[] = []
  readonly #source: Source<Stamp>
  readonly #bounds: Bounds
  readonly #underWay: { readonly at: number; readonly answer: PromiseWithResolvers<Stamp> }[] = []
  /** When the fetches that brought a value were started, in the order they landed. */
  readonly #landed: number[] = []
  #hasFailedSince = false
  served = 0
  failed = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
    this.#source = loader(randomUUID(), () => this.#load(), bounds)
  }

  #load(): Promise<Stamp> {
    const answer = Promise.withResolvers<Stamp>()
    this.#underWay.push({ at: Date.now(), answer })
    expect(this.#underWay).toHaveLength(1)
    return answer.promise
  }

  async land(succeeds: boolean): Promise<void> {
    const fetch = this.#underWay.shift()
    if (fetch === undefined) return
    this.#hasFailedSince = !succeeds
    if (succeeds) {
      this.#landed.push(fetch.at)
      fetch.answer.resolve({ at: fetch.at })
    } else fetch.answer.reject(new Error('down'))
    await settle()
  }

  async finish(): Promise<void> {
    while (this.#underWay.length > 0) await this.land(true)
    await Promise.all(this.waits)
  }

  /** How old a value may be that nobody had to wait for. */
  get #bound(): number {
    const { ttl, staleWhileRevalidate, staleIfError } = this.#bounds
    return ttl + (this.#isFailing ? Math.max(staleWhileRevalidate, staleIfError) : staleWhileRevalidate)
  }

  /** A fetch that takes longer than a second counts as one that fails. */
  get #isFailing(): boolean {
    const [fetch] = this.#underWay
    return this.#hasFailedSince || (fetch !== undefined && Date.now() - fetch.at >= 1_000)
  }

  async get(): Promise<void> {
    const landedBefore = this.#landed.length
    const check = ({ at }: Stamp): void => {
      this.served++
      if (!this.#landed.slice(landedBefore).includes(at)) expect(Date.now() - at).toBeLessThan(this.#bound)
    }
    const explain = (error: unknown): void => {
      this.failed++
      expect(error).toMatchObject({ code: 'PARAMETER_FETCH', cause: { message: 'down' } })
      const newest = this.#landed.at(-1) ?? Number.NEGATIVE_INFINITY
      expect(Date.now() - newest).toBeGreaterThanOrEqual(this.#bound)
    }
    this.waits.push(this.#source.get().then(check, explain))
    await settle()
  }

  async refresh(): Promise<void> {
    const landedBefore = this.#landed.length
    const check = ({ at }: Stamp): void => expect(this.#landed.slice(landedBefore)).toContain(at)
    const explain = (error: unknown): void => expect(error).toMatchObject({ code: 'PARAMETER_FETCH' })
    this.waits.push(this.#source.refresh().then(check, explain))
    await settle()
  }

  peek(): void {
    const stamp = this.#source.peek()
    if (stamp !== undefined) expect(Date.now() - stamp.at).toBeLessThan(this.#bound)
  }
}

type Step = (trial: Trial) => void | Promise<void>

const named = (name: string, step: Step): Step & { [fc.toStringMethod](): string } =>
  Object.assign(step, { [fc.toStringMethod]: () => name })

const steps = fc.oneof(
  { weight: 4, arbitrary: fc.constant(named('get', (trial) => trial.get())) },
  { weight: 1, arbitrary: fc.constant(named('refresh', (trial) => trial.refresh())) },
  { weight: 1, arbitrary: fc.constant(named('peek', (trial) => trial.peek())) },
  { weight: 3, arbitrary: fc.constant(named('land', (trial) => trial.land(true))) },
  { weight: 3, arbitrary: fc.constant(named('fail', (trial) => trial.land(false))) },
  {
    weight: 4,
    arbitrary: fc
      .oneof(fc.nat(50), fc.nat(1_500), fc.nat(20_000))
      .map((milliseconds) => named(`pass ${milliseconds}`, () => clock.pass(milliseconds))),
  },
)

const bounds = fc
  .record({
    ttl: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000 })),
    staleWhileRevalidate: fc.oneof(fc.constant(0), fc.nat(3_000)),
    staleIfError: fc.oneof(fc.constant(0), fc.nat(30_000)),
    refreshAhead: fc.oneof(fc.constant(0), fc.nat(2_000)),
  })
  .map((given) => ({ ...given, refreshAhead: Math.min(given.refreshAhead, Math.max(0, given.ttl - 1)) }))

test('in any schedule no value is older than its bound, none is withheld within it, and no two fetches overlap', async () => {
  let served = 0
  let failed = 0
  await fc.assert(
    fc.asyncProperty(
      bounds,
      fc.array(steps, { minLength: 20, maxLength: 80, size: 'max' }),
      async (given, schedule) => {
        const trial = new Trial(given)
        for (const step of schedule) await step(trial)
        await trial.finish()
        served += trial.served
        failed += trial.failed
      },
    ),
    { numRuns: 200 },
  )
  expect(served).toBeGreaterThan(500)
  expect(failed).toBeGreaterThan(50)
})
