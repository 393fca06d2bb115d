import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics } from '@aws-lambda-powertools/metrics'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { describe, expect, test } from '@jest/globals'
import { type PowertoolsOptions, powertools } from 'middy-managed-instances/powertools'

const make = (options: unknown): unknown => powertools(options as PowertoolsOptions)
const utilities = { logger: new Logger(), tracer: new Tracer(), metrics: new Metrics() }

/** As much as the first major version of the Logger had of what is called. */
class OldLogger {
  addContext(): void {}
  appendKeys(): void {}
  setCorrelationId(): void {}
}

const wrong: [string, unknown, string][] = [
  [
    'logger',
    console,
    'a Logger of @aws-lambda-powertools/logger 2, or an array of them, with a method addContext(), received',
  ],
  ['logger', new OldLogger(), 'with a method refreshSampleRateCalculation(), received OldLogger {}'],
  ['logger', null, 'with a method addContext(), received null'],
  ['logger', [], 'a Logger of @aws-lambda-powertools/logger 2, or an array of them, received []'],
  ['logger', utilities.metrics, 'with a method addContext(), received'],
  [
    'tracer',
    [utilities.tracer],
    'a Tracer of @aws-lambda-powertools/tracer 2, with a method isTracingEnabled(), received',
  ],
  ['tracer', Tracer, 'with a method isTracingEnabled(), received'],
  ['metrics', 'metrics', "or an array of them, with a method captureColdStartMetric(), received 'metrics'"],
  ['logEvent', 'yes', "true or false, received 'yes'"],
  ['resetKeys', 1, 'true or false, received 1'],
  ['correlationIdPath', '', "a non-empty string without NUL, received ''"],
  ['captureResponse', 0, 'true or false, received 0'],
  ['resources', 'yes', "true or false, received 'yes'"],
  ['throwOnEmptyMetrics', 'true', "true or false, received 'true'"],
  ['defaultDimensions', ['a'], "an object of strings, received [ 'a' ]"],
  ['defaultDimensions', { a: 1 }, 'an object of strings, received { a: 1 }'],
]

describe('powertools()', () => {
  test.each(wrong)('refuses %s: %p by name, with what it expects and what it got', (option, value, problem) => {
    const attempt = (): unknown => make({ ...utilities, [option]: value })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(`powertools(): option "${option}" must be `)
    expect(attempt).toThrow(problem)
  })

  test('names the one of several that is wrong', () => {
    const attempt = (): unknown => make({ logger: [utilities.logger, {}] })
    expect(attempt).toThrow('powertools(): option "logger[1]" must be a Logger of')
  })

  test.each([[{}], [undefined], [{ logger: undefined }]])('refuses %p, which has nothing to do', (options) => {
    expect(() => make(options)).toThrow(TypeError)
    expect(() => make(options)).toThrow('powertools(): expected at least one of logger, tracer and metrics, received')
  })

  test('refuses an option it does not know, and names those it does', () => {
    const attempt = (): unknown => make({ ...utilities, clearState: true })
    expect(attempt).toThrow(
      'powertools(): unknown option "clearState" (received true); expected one of logger, tracer,',
    )
  })

  test.each([
    ['logEvent', true, 'logger'],
    ['captureResponse', false, 'tracer'],
    ['captureColdStartMetric', true, 'metrics'],
  ] as const)('refuses %s without the utility it is for', (option, value, utility) => {
    const others = Object.fromEntries(Object.entries(utilities).filter(([name]) => name !== utility))
    expect(() => make({ ...others, [option]: value })).toThrow(
      `powertools(): option "${option}" must be left out where no ${utility} is given, received ${value}.`,
    )
  })

  test('refuses resources where neither metrics nor a tracer could take what they record', () => {
    expect(() => make({ logger: utilities.logger, resources: true })).toThrow(
      'powertools(): option "resources" must be left out where neither metrics nor a tracer is given, received true.',
    )
  })

  test('takes any subset, several instances, undefined, and every option', () => {
    const { logger, tracer, metrics } = utilities
    for (const subset of [{ logger }, { tracer }, { metrics }, { logger, metrics }, { tracer, logger: undefined }])
      expect(() => make(subset)).not.toThrow()
    const options = { logEvent: undefined, resetKeys: false, flushBufferOnUncaughtError: true, correlationIdPath: 'a' }
    const rest = { captureResponse: false, throwOnEmptyMetrics: true, defaultDimensions: { stage: 'test' } }
    for (const subset of [{ tracer }, { metrics }]) expect(() => make({ ...subset, resources: true })).not.toThrow()
    const several = { logger: [logger, new Logger()], metrics: [metrics, new Metrics()], tracer }
    expect(() => make({ ...several, ...options, ...rest, captureColdStartMetric: true })).not.toThrow()
  })
})
