import { randomUUID } from 'node:crypto'
import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { outsideRequests } from '../scope/outside-requests.ts'
import { monotonicTime } from './clock.ts'
import { Founding } from './founding.ts'
import { type Group, supersedes } from './group.ts'
import type { Hello, News, Welcome } from './messages.ts'
import { Mutex, mutexMemory } from './mutex.ts'

/** What a member knows and learns. */
export interface Correspondent<Answer> {
  hear(news: News<Answer>): void
  /** What a worker that comes later needs to know. */
  knowledge(): Omit<Welcome<Answer>, 'group'>
  /** The knowledge of another member: only its answers if this one has been hearing the news already. */
  learn(knowledge: Omit<Welcome<Answer>, 'group'>, answersOnly: boolean): void
}

type State<Answer> =
  | { readonly name: 'outside' }
  | { readonly name: 'joining'; readonly joined: PromiseWithResolvers<void>; readonly news: News<Answer>[] }
  /** Without a mutex if the group can't be founded: then members may claim the same key at the same time. */
  | { readonly name: 'inside'; readonly group: Group | undefined; readonly mutex: Mutex | undefined }
  | { readonly name: 'closed' }

/** For how many milliseconds a thread may be blocked before it lets its event loop turn while the mutex is taken. */
const patience = 5

/** Whoever loses the race to found a group hears from the winner in the second attempt. */
const attempts = 2

/** This worker's place among those of its process that share a topic: joins when it is first needed. */
export class Membership<Answer> {
  readonly id: string = randomUUID()
  readonly #topic: string
  readonly #lease: number
  readonly #correspondent: Correspondent<Answer>
  #state: State<Answer> = { name: 'outside' }
  #channel: BroadcastChannel | undefined
  #mailbox: BroadcastChannel | undefined

  constructor(topic: string, lease: number, correspondent: Correspondent<Answer>) {
    // With the version of the messages: copies of the package that speak differently must not meet.
    this.#topic = `middy-managed-instances.flights.1.${topic}`
    this.#lease = lease
    this.#correspondent = correspondent
  }

  /**
   * Runs `decide` when all news has been heard that was posted by whoever was here before, and while nobody else
   * decides. It gives nothing if it finds that it has been overtaken, and is run again. A mutex that can't be had for
   * a whole lease is ignored: two fetches are better than none.
   */
  async exclusively<Decision>(decide: (isOvertaken: () => boolean) => Decision | undefined): Promise<Decision> {
    if (this.#state.name !== 'inside') await this.#join()
    const end = monotonicTime() + this.#lease
    for (;;) {
      // Most of the news is heard before the mutex is taken, so that others need not wait for it.
      this.drain()
      const mutex = monotonicTime() < end ? this.#mutex : undefined
      if (mutex === undefined) {
        const decision = decide(() => false)
        if (decision !== undefined) return decision
      } else if (mutex.acquire(patience)) {
        try {
          this.drain()
          const decision = mutex === this.#mutex ? decide(() => !mutex.isHeld) : undefined
          if (decision !== undefined) return decision
        } finally {
          mutex.release()
        }
      } else await sleep(1)
    }
  }

  post(news: News<Answer> | Hello): void {
    this.#channel?.postMessage(news)
  }

  /** Hears at once what others have posted so far. */
  drain(): void {
    if (this.#channel === undefined) return
    // The types know of no BroadcastChannel here, Node.js does.
    const port = this.#channel as unknown as MessagePort
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
      this.#receive(next.message)
  }

  close(): void {
    const state = this.#state
    this.#state = { name: 'closed' }
    this.#channel?.close()
    this.#mailbox?.close()
    this.#channel = undefined
    if (state.name === 'joining') state.joined.resolve()
  }

  get #mutex(): Mutex | undefined {
    return this.#state.name === 'inside' ? this.#state.mutex : undefined
  }

  get #group(): Group | undefined {
    return this.#state.name === 'inside' ? this.#state.group : undefined
  }

  async #join(): Promise<void> {
    if (this.#state.name === 'outside') {
      this.#state = { name: 'joining', joined: Promise.withResolvers(), news: [] }
      outsideRequests(() => {
        this.#channel = this.#open(this.#topic, (message) => this.#receive(message as News<Answer> | Hello))
        this.#mailbox = this.#open(this.#mailboxOf(this.id), (message) => this.#enter(message as Welcome<Answer>))
        this.#findGroup().catch(() => this.#enterWithout())
      })
    }
    if (this.#state.name === 'joining') await this.#state.joined.promise
  }

  #open(name: string, receive: (message: unknown) => void): BroadcastChannel {
    const channel = new BroadcastChannel(name)
    channel.unref()
    channel.onmessage = (event: unknown) => receive((event as { data: unknown }).data)
    return channel
  }

  #mailboxOf(member: string): string {
    return `${this.#topic}.${member}`
  }

  /** Founds the first group, or asks for the present one, or founds the next when nobody replies within one lease. */
  async #findGroup(): Promise<void> {
    const founding = new Founding(this.#topic)
    for (let attempt = 0; attempt < attempts && this.#state.name === 'joining'; attempt++) {
      const number = founding.latest() + 1
      if ((number === 1 || attempt > 0) && founding.found(number)) {
        const group: Group = { number, founder: this.id, memory: mutexMemory() }
        this.#adopt(group)
        this.#greet(group)
      } else {
        this.#greet()
        await this.#joinedOr(this.#lease)
      }
    }
    this.#enterWithout()
  }

  #greet(group?: Group): void {
    const answered = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    this.post({ type: 'hello', from: this.id, answered, ...(group && { group }) })
  }

  async #joinedOr(bound: number): Promise<void> {
    if (this.#state.name !== 'joining') return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, bound)
    })
    await Promise.race([this.#state.joined.promise, late])
    clearTimeout(timer)
  }

  #receive(message: News<Answer> | Hello): void {
    if (message.type === 'hello') this.#reply(message)
    // Told again once there is a welcome, which may be older than this and must not undo it.
    else if (this.#state.name === 'joining') this.#state.news.push(message)
    else if (this.#state.name === 'inside') outsideRequests(() => this.#correspondent.hear(message))
  }

  #reply({ from, group, answered }: Hello): void {
    if (group !== undefined) this.#adopt(group)
    const current = this.#group
    if (current === undefined || Atomics.exchange(new Int32Array(answered), 0, 1) !== 0) return
    const welcome: Welcome<Answer> = { group: current, ...this.#correspondent.knowledge() }
    // Through a channel that only the new worker hears: it may be much.
    const mailbox = new BroadcastChannel(this.#mailboxOf(from))
    mailbox.postMessage(welcome)
    mailbox.close()
  }

  #enter({ group, ...knowledge }: Welcome<Answer>): void {
    const wasInside = this.#state.name === 'inside'
    this.#correspondent.learn(knowledge, wasInside)
    // Others may have followed this founder into a group that is one too many.
    if (this.#adopt(group) && wasInside) this.#greet(group)
  }

  #adopt(group: Group): boolean {
    if (this.#state.name === 'closed' || !supersedes(group, this.#group)) return false
    this.#enterAs({ name: 'inside', group, mutex: new Mutex(group.memory) })
    return true
  }

  #enterWithout(): void {
    if (this.#state.name === 'joining') this.#enterAs({ name: 'inside', group: undefined, mutex: undefined })
  }

  #enterAs(inside: State<Answer>): void {
    const before = this.#state
    this.#state = inside
    if (before.name !== 'joining') return
    for (const news of before.news) this.#correspondent.hear(news)
    before.joined.resolve()
  }
}
