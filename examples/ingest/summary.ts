import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parse } from 'csv-parse'

/** What the function answers about one CSV. */
export interface Summary {
  readonly rows: number
  readonly columns: readonly string[]
  /** The sum of each numeric column. */
  readonly sums: Readonly<Record<string, number>>
  /** MD5 of the bytes that were summarized, in hex: the ETag S3 gives an object with this very content. */
  readonly md5: string
}

/** How a CSV is written. */
export interface Format {
  readonly delimiter: string
}

const batchSize = 1000

/** Reads a CSV once, as a stream, sums up its rows, and hands them on in batches, one after the other. */
export const summarize = async (
  csv: Readable,
  { delimiter }: Format,
  save: (rows: readonly string[][]) => Promise<void> = async () => {},
): Promise<Summary> => {
  const md5 = createHash('md5')
  const sums: Record<string, number> = {}
  let columns: string[] = []
  let rows = 0
  let batch: string[][] = []
  await pipeline(
    csv.on('data', (bytes: Uint8Array) => md5.update(bytes)),
    parse({ delimiter }),
    async (records: AsyncIterable<string[]>) => {
      for await (const record of records) {
        if (rows++ === 0) columns = record
        else {
          add(sums, columns, record)
          batch.push(record)
          if (batch.length < batchSize) continue
          await save(batch)
          batch = []
        }
      }
      if (batch.length > 0) await save(batch)
    },
  )
  return { rows: Math.max(0, rows - 1), columns, sums, md5: md5.digest('hex') }
}

const add = (sums: Record<string, number>, columns: string[], record: string[]): void => {
  for (const [index, cell] of record.entries()) {
    const value = cell === '' ? Number.NaN : Number(cell)
    const column = columns[index]
    if (column !== undefined && Number.isFinite(value)) sums[column] = (sums[column] ?? 0) + value
  }
}
