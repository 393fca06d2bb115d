import type { Tracer } from '@aws-lambda-powertools/tracer'
import type { CaptureLambdaHandlerOptions } from '@aws-lambda-powertools/tracer/types'
import { avoidResources } from '../../../src/scope/current.ts'
import { loadTracerMiddleware, type Official, type OfficialRequest } from '../official.ts'
import type { Segment } from '../tracing/root-segment.ts'
import { separateTraces } from '../tracing/separate-traces.ts'
import type { Instrument } from './instrument.ts'

const cleanupKey = 'powertools-for-aws.tracer'
const handlerSegmentKey = `${cleanupKey}.handlerSegment`

/** Of the metadata that says what the request's resources have recorded. */
const resourcesNamespace = 'resources'

type HandlerSegment = Segment & NonNullable<ReturnType<Tracer['getSegment']>>

const handlerSegmentOf = (request: OfficialRequest): HandlerSegment | undefined =>
  request.internal[handlerSegmentKey] as HandlerSegment | undefined

const isRecordable = (error: unknown): boolean =>
  typeof error === 'string' || (typeof error === 'object' && error !== null)

/** The request's handler segment, under its own trace. */
export const tracerInstrument = async (tracer: Tracer, options: CaptureLambdaHandlerOptions): Promise<Instrument> => {
  // Those of the X-Ray SDK are at work wherever a tracer is.
  avoidResources()
  const separation = separateTraces(tracer)
  const { captureLambdaHandler } = await loadTracerMiddleware()
  const official = captureLambdaHandler(tracer, options) as unknown as Official
  const end = (request: OfficialRequest): void =>
    void (request.internal[cleanupKey] as Official['after'] | undefined)?.(request)
  const flush = (segment: HandlerSegment | undefined): void => {
    // The SDK never sends a segment that is closed before its children, as when the request timed out.
    if (segment !== undefined && segment.counter > 0) segment.flush()
  }
  return {
    name: 'tracer',
    cleanupKey,
    start: (request) => {
      separation.renew()
      official.before(request)
      separation.check(handlerSegmentOf(request))
    },
    add: ({ name, value }, request) => handlerSegmentOf(request)?.addMetadata(name, value, resourcesNamespace),
    succeed: (request) => {
      official.after(request)
      flush(handlerSegmentOf(request))
    },
    fail: (request) => {
      const segment = handlerSegmentOf(request)
      if (isRecordable(request.error)) {
        // The official middleware takes the active segment for the handler's; one that failed may have left another.
        if (segment !== undefined) tracer.setSegment(segment)
        official.onError(request)
      } else {
        // The SDK would leave it out, and the flag with it.
        segment?.addFaultFlag()
        end(request)
      }
      flush(segment)
    },
    abandon: (request) => {
      end(request)
      flush(handlerSegmentOf(request))
    },
  }
}
