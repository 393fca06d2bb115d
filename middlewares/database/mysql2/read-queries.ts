import type { Readable } from 'node:stream'
import type { Command } from './internals.ts'

const ignore = (): void => {}

/** What a client reads by events or as streams, which mysql2 leaves unanswered when the connection is lost. */
export class ReadQueries {
  readonly #queries = new Map<Command, Readable | undefined>()

  /** Follows a query until it ends. */
  follow(query: Command): void {
    this.#queries.set(query, undefined)
    query.once('end', () => this.#queries.delete(query))
    onStream(query, (stream) => this.#queries.set(query, stream))
  }

  fail(error: Error): void {
    for (const query of this.#queries.keys()) failRead(query, error)
  }

  /** Nobody may be left to hear of an error. */
  silence(): void {
    for (const [query, stream] of this.#queries) {
      query.on('error', ignore)
      stream?.on('error', ignore)
    }
  }
}

/** Fails a query that is never sent, as soon as whoever asks for it can listen. Nobody may. */
export const failUnsentRead = (query: Command, error: Error): void => {
  onStream(query, (stream) => stream.on('error', ignore))
  process.nextTick(() => {
    failRead(query, error)
    query.emit('end')
  })
}

const failRead = (query: Command, error: Error): void => {
  if (query.listenerCount('error') > 0) query.emit('error', error)
}

const onStream = (query: Command, heed: (stream: Readable) => void): void => {
  const { stream: open } = query
  query.stream = (options) => {
    const stream = open.call(query, options)
    heed(stream)
    return stream
  }
}
