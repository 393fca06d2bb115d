import type { DescribeOptions } from '../../src/database-adapter.ts'
import { checkOptions, invalidOption, type Rule, type Rules, wholeNumber } from '../../src/options.ts'
import { runtime } from '../../src/runtime/environment.ts'

/** The rule for the connections of one environment. */
export const aBudget: Rule = wholeNumber(1)

/** One worker's share of the connections of its environment. @throws TypeError if it is less than one. */
export const shareOf = (factory: string, connections: number, workers: number = runtime.workers): number => {
  if (connections >= workers) return Math.floor(connections / workers)
  const remedy = `raise it to ${workers}, or set AWS_LAMBDA_NODEJS_WORKER_COUNT to ${connections}`
  const expected = `at least ${workers}, one for each of this environment's ${workers} workers (${remedy})`
  throw invalidOption(factory, 'connections', expected, connections)
}

const rules: Rules<DescribeOptions> = { environments: wholeNumber(1) }

/** How many environments `describe()` counts with. @throws TypeError for an unknown option or one of the wrong range. */
export const environmentsOf = (name: string, options: DescribeOptions | undefined): number =>
  checkOptions(`${name} describe()`, rules, options).environments ?? 1

/** What `describe()` says. */
export const describeBudget = (
  name: string,
  share: number,
  environments: number,
  maxConnections: number | undefined,
): string => {
  const perEnvironment = runtime.workers * share
  const total = perEnvironment * environments
  const each = `${runtime.workers} ${plural('worker', runtime.workers)} x ${share} ${plural('connection', share)}`
  const all = `${each} x ${environments} ${plural('environment', environments)} = ${total} ${plural('connection', total)}`
  if (maxConnections === undefined) return `${name}: ${all}`
  const verdict = total > maxConnections ? `${total - maxConnections} too many` : `${maxConnections - total} to spare`
  return `${name}: ${all} of the server's max_connections ${maxConnections}, ${verdict}`
}

const plural = (noun: string, count: number): string => (count === 1 ? noun : `${noun}s`)
