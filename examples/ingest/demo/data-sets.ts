import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { parse } from 'csv-parse/sync'
import { type Summary, summarize } from '../summary.ts'

export type DataSetName = 'stocks' | 'github' | 'co2-concentration' | 'us-employment' | 'seattle-weather' | 'airports'

/** A real CSV of vega-datasets, as it is uploaded again and again. */
export interface DataSet {
  /** What every upload of it comes to. */
  readonly summary: Omit<Summary, 'md5'>
  /**
   * One upload: each row ends with a column that names it. All uploads of a data set have the same size and shape, and
   * still no two of them have a row, or a checksum, in common.
   */
  csv(label: string): string
  /** Its rows, each with {@link placeholder} in place of an upload's name. */
  readonly rows: readonly string[][]
  /** The same upload as lines of JSON. */
  lines(label: string): string
}

/** Stands for the name of an upload. */
export const placeholder = '<upload>'

export const readDataSet = async (name: DataSetName): Promise<DataSet> => {
  const directory = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')
  const [header, ...rows] = readFileSync(join(directory, `${name}.csv`), 'utf8')
    .trimEnd()
    .split('\n')
  const csv = [`${header},upload`, ...rows.map((row) => `${row},${placeholder}`), ''].join('\n')
  const lines = parse(csv, { columns: true })
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('')
  const { md5: _, ...summary } = await summarize(Readable.from([Buffer.from(csv)]), { delimiter: ',' })
  return {
    summary,
    rows: parse(csv, { from: 2 }),
    csv: (label) => csv.replaceAll(placeholder, label),
    lines: (label) => lines.replaceAll(placeholder, label),
  }
}
