import type { ObjectStore } from '../object-store.ts'
import type { ObjectReference } from '../uploaded.ts'
import { type DataSet, type DataSetName, readDataSet } from './data-sets.ts'
import { objectCreated, warmupEvent } from './events.ts'
import { dataSetMix, type Ending, type PlannedRequest } from './mix.ts'
import type { Expected } from './verdict.ts'

/** A request that is ready to be sent, and what it must be answered. */
export interface PreparedRequest {
  readonly event: unknown
  readonly expected: Expected
  /** Milliseconds; the function's own when left out. */
  readonly timeout?: number
}

export interface Requests {
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
  readonly put: (csv: string, bytesPerSecond?: number) => string
}

const impatience = 1000
/** A slow download takes so many times as long as its request may: it is under way long after the deadline. */
const slowness = 3
/** How long a handler may still be writing after its request has timed out, in milliseconds. */
export const zombieTime: number = impatience * slowness

const preparations: Readonly<Record<Ending, (upload: Upload) => PreparedRequest>> = {
  summary: ({ reference, label, dataSet, put }) => {
    const md5 = put(dataSet.csv(label))
    return { event: objectCreated(reference), expected: { kind: 'payload', payload: { ...dataSet.summary, md5 } } }
  },
  warmup: () => ({ event: warmupEvent, expected: { kind: 'payload', payload: 'warmup' } }),
  'broken file': ({ reference, label, dataSet, put }) => {
    put(`${dataSet.csv(label)}"a cell that is never closed`)
    return { event: objectCreated(reference), expected: { kind: 'error', error: /Quote Not Closed/ } }
  },
  'missing file': ({ reference }) => ({
    event: objectCreated(reference),
    expected: { kind: 'error', error: /^NoSuchKey: / },
  }),
  'timed out': (upload) => prepareSlow(upload, 'ingest'),
  'timed out, still writing': (upload) => prepareSlow(upload, 'overrun'),
  'streamed file': ({ reference, label, dataSet, put }) => {
    put(dataSet.csv(label))
    return { event: reference, expected: { kind: 'body', body: dataSet.lines(label) } }
  },
}

const prepareSlow = ({ reference, label, dataSet, put }: Upload, notification: string): PreparedRequest => {
  const csv = dataSet.csv(label)
  put(csv, (csv.length * 1000) / (impatience * slowness))
  return { event: objectCreated(reference, notification), expected: { kind: 'timeout' }, timeout: impatience }
}

const referTo = ({ index, dataSet }: PlannedRequest): ObjectReference => ({
  bucket,
  key: `${String(index).padStart(5, '0')}/${dataSet}.csv`,
})

/** Reads the data sets and stands ready to make requests of them. */
export const prepareRequests = async (store: ObjectStore): Promise<Requests> => {
  const dataSets = new Map<DataSetName, DataSet>()
  for (const name of Object.keys(dataSetMix) as DataSetName[]) dataSets.set(name, await readDataSet(name))
  const checksums = new Set<string>()
  return {
    prepare: (planned) => {
      const reference = referTo(planned)
      const put: Upload['put'] = (csv, bytesPerSecond) => {
        const { etag } = store.put(reference.bucket, reference.key, csv, { contentType: 'text/csv', bytesPerSecond })
        checksums.add(etag)
        return etag
      }
      const dataSet = dataSets.get(planned.dataSet) as DataSet
      return preparations[planned.ending]({ reference, label: reference.key, dataSet, put })
    },
    finish: (planned) => {
      const { key } = referTo(planned)
      store.delete(bucket, key)
    },
    isUpload: (md5) => checksums.has(md5),
  }
}
