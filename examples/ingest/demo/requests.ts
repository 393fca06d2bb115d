import type { ObjectStore } from '../object-store.ts'
import type { ObjectReference } from '../uploaded.ts'
import { type DataSet, type DataSetName, readDataSet } from './data-sets.ts'
import { objectCreated, warmupEvent } from './events.ts'
import { dataSetMix, type Ending, type PlannedRequest } from './mix.ts'
import { Redelivery } from './redelivery.ts'
import type { Expected } from './verdict.ts'

/** A request that is ready to be sent, and what it must be answered. */
export interface PreparedRequest {
  /** The file that the handler is run for; none if it is not to run. */
  readonly file?: string
  readonly event: unknown
  readonly expected: Expected
  /** Milliseconds; the function's own when left out. */
  readonly timeout?: number
  /** How its event is delivered again, if it is. */
  readonly redelivery?: Redelivery
}

export interface Requests {
  readonly dataSets: ReadonlyMap<DataSetName, DataSet>
  /** Uploads what the request is about. */
  prepare(planned: PlannedRequest): PreparedRequest
  /** Takes the upload away again. */
  finish(planned: PlannedRequest): void
  /** Whether any upload so far had this checksum. */
  isUpload(md5: string): boolean
}

/** Where everything is uploaded. */
export const bucket = 'uploads'

interface Upload {
  readonly reference: ObjectReference
  readonly label: string
  readonly dataSet: DataSet
  /** Puts the object and returns its checksum. */
  readonly redelivery: Redelivery | undefined
  readonly put: (csv: string, bytesPerSecond?: number) => string
}

const impatience = 1000
/** A slow download takes so many times as long as its request may: it is under way long after the deadline. */
const slowness = 3
/** How long a handler may still be writing after its request has timed out, in milliseconds. */
export const zombieTime: number = impatience * slowness

const preparations: Readonly<Record<Ending, (upload: Upload) => PreparedRequest>> = {
  summary: ({ reference, label, dataSet, redelivery, put }) => {
    const payload = { ...dataSet.summary, md5: put(dataSet.csv(label)) }
    const prepared = { file: label, event: objectCreated(reference), expected: { kind: 'payload', payload } } as const
    return redelivery === undefined ? prepared : { ...prepared, redelivery }
  },
  warmup: () => ({ event: warmupEvent, expected: { kind: 'payload', payload: 'warmup' } }),
  'broken file': ({ reference, label, dataSet, put }) => {
    put(`${dataSet.csv(label)}"a cell that is never closed`)
    return { file: label, event: objectCreated(reference), expected: { kind: 'error', error: /Quote Not Closed/ } }
  },
  'missing file': ({ reference, label }) => ({
    file: label,
    event: objectCreated(reference),
    expected: { kind: 'error', error: /^NoSuchKey: / },
  }),
  'timed out': (upload) => prepareSlow(upload, 'ingest'),
  'timed out, still writing': (upload) => prepareSlow(upload, 'overrun'),
  'streamed file': ({ reference, label, dataSet, put }) => {
    put(dataSet.csv(label))
    return { file: label, event: reference, expected: { kind: 'body', body: dataSet.lines(label) } }
  },
}

const prepareSlow = ({ reference, label, dataSet, put }: Upload, notification: string): PreparedRequest => {
  const csv = dataSet.csv(label)
  put(csv, (csv.length * 1000) / (impatience * slowness))
  const event = objectCreated(reference, notification)
  return { file: label, event, expected: { kind: 'timeout' }, timeout: impatience }
}

/** The key of what a request uploads. */
export const fileOf = ({ index, dataSet }: PlannedRequest): string => `${String(index).padStart(5, '0')}/${dataSet}.csv`

/** Reads the data sets and stands ready to make requests of them. */
export const prepareRequests = async (store: ObjectStore): Promise<Requests> => {
  const dataSets = new Map<DataSetName, DataSet>()
  for (const name of Object.keys(dataSetMix) as DataSetName[]) dataSets.set(name, await readDataSet(name))
  const checksums = new Set<string>()
  return {
    dataSets,
    prepare: (planned) => {
      const reference = { bucket, key: fileOf(planned) }
      const redelivery = planned.redelivered ? new Redelivery() : undefined
      const beforeSending = redelivery && { beforeSending: () => redelivery.read() }
      const put: Upload['put'] = (csv, bytesPerSecond) => {
        const options = { contentType: 'text/csv', bytesPerSecond, ...beforeSending }
        const { etag } = store.put(bucket, reference.key, csv, options)
        checksums.add(etag)
        return etag
      }
      const dataSet = dataSets.get(planned.dataSet) as DataSet
      return preparations[planned.ending]({ reference, label: reference.key, dataSet, redelivery, put })
    },
    finish: (planned) => store.delete(bucket, fileOf(planned)),
    isUpload: (md5) => checksums.has(md5),
  }
}
