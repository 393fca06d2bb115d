import './support/managed-environment.ts'
import { TRACER_KEY } from '@aws-lambda-powertools/commons'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { createContext } from 'middy-managed-instances/testing'
import type { OfficialRequest } from '../../middlewares/powertools/official.ts'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { invokeTraced, newTrace, takeConsole, takeWarnings } from './support/invocation.ts'
import { powertools, Tracer } from './support/packages.ts'

type Hook = (request: OfficialRequest) => void
type Official = Readonly<Record<'before' | 'after' | 'onError', Hook>>

const key = `${TRACER_KEY}.handlerSegment`
let renamed = false

/** The middleware of a tracer that keeps the handler's segment elsewhere. */
const renaming = (official: Official): Official => {
  const before: Hook = (request) => {
    official.before(request)
    const { [key]: segment, ...rest } = request.internal
    request.internal = { ...rest, segment }
  }
  const ended =
    (hook: Hook): Hook =>
    (request) =>
      hook({ ...request, internal: { ...request.internal, [key]: request.internal['segment'] } })
  return { before, after: ended(official.after), onError: ended(official.onError) }
}

const actual = await import('@aws-lambda-powertools/tracer/middleware')
jest.unstable_mockModule('@aws-lambda-powertools/tracer/middleware', () => ({
  captureLambdaHandler: (...options: Parameters<typeof actual.captureLambdaHandler>) => {
    const official = actual.captureLambdaHandler(...options) as unknown as Official
    return renamed ? renaming(official) : official
  },
}))

let daemon: Daemon
let warnings: () => string[]
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())
beforeEach(() => {
  warnings = takeWarnings()
  takeConsole()
})
afterEach(() => {
  jest.restoreAllMocks()
})

const send = (tracer: InstanceType<typeof Tracer>, count: number): Promise<unknown[]> => {
  const handler = middy<unknown, unknown>(managed())
    .use(powertools({ tracer }))
    .handler(async () => 'answer')
  return Promise.all(
    Array(count)
      .fill(handler)
      .map((handle) => invokeTraced(newTrace().header, () => handle({}, createContext()))),
  )
}

test('a tracer that keeps its active segment in another way is warned of once, and requests are answered', async () => {
  const tracer = new Tracer({ captureHTTPsRequests: false })
  Object.assign(tracer.provider, { setSegment: undefined })
  tracer.setSegment = () => {}
  expect(await send(tracer, 2)).toEqual(['answer', 'answer'])
  expect(warnings()).toEqual([
    expect.stringMatching(
      / the tracer has no provider\.setSegment\(\), so that .* The X-Ray SDK or the tracer has changed/,
    ),
    expect.stringContaining("the handler's segment is not found under the trace of its request"),
  ])
})

test('one whose middleware keeps the segment of the handler elsewhere has it sent all the same', async () => {
  const tracer = new Tracer({ captureHTTPsRequests: false })
  tracer.provider.setDaemonAddress(daemon.address)
  renamed = true
  expect(await send(tracer, 1)).toEqual(['answer'])
  expect(await daemon.receive(1)).toMatchObject([{ name: '## index.handler' }])
})
