import type { Logger } from '@aws-lambda-powertools/logger'
import type { InjectLambdaContextOptions } from '@aws-lambda-powertools/logger/types'
import { loadLoggerMiddleware, type Official } from '../official.ts'
import type { Instrument } from './instrument.ts'

/** The request's keys in every line; its buffer and keys are gone at its end. */
export const loggerInstrument = async (loggers: Logger[], options: InjectLambdaContextOptions): Promise<Instrument> => {
  const { injectLambdaContext } = await loadLoggerMiddleware()
  const official = injectLambdaContext(loggers, { resetKeys: true, ...options }) as unknown as Official
  return {
    name: 'logger',
    cleanupKey: 'powertools-for-aws.logger',
    start: (request) => void official.before(request),
    succeed: (request) => void official.after(request),
    fail: (request) => void official.onError(request),
    abandon: (request) => void official.after(request),
  }
}
