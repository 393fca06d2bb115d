import { beforeAll, describe, expect, test } from '@jest/globals'
import { type Ending, endings } from './support/endings.ts'
import {
  bare,
  type Create,
  contextFor,
  type Middleware,
  type Settled,
  settle,
  underManaged,
} from './support/handlers.ts'
import { type Mode, modes } from './support/modes.ts'
import { Probe } from './support/probe.ts'
import { installAwsLambda } from './support/streaming.ts'

beforeAll(installAwsLambda)

const run = (create: Create, mode: Mode, ending: Ending, ours: Middleware): Promise<Settled> => {
  const handler = create({ ...mode.plugin, ...ending.plugin?.(mode.answers) })
  const context = contextFor(ending.timesOut ? 80 : 60_000)
  return settle(mode.invoke(ending.build(handler, ours, mode.answers), context))
}

const thrown = (settled: Settled): unknown => ('error' in settled ? settled.error : undefined)

describe.each(modes.map((mode) => [mode.name, mode] as const))('under managed() in %s mode', (_name, mode) => {
  test.each(endings.map((ending) => [ending.name, ending] as const))(
    'releases once and answers as without it when %s',
    async (_, ending) => {
      const expected = await run(bare, mode, ending, new Probe().middleware)
      const probe = new Probe()

      const actual = await run(underManaged, mode, ending, probe.middleware)

      expect(actual).toStrictEqual(expected)
      // Middy makes a new error at each early timeout; every other one is the very object that was thrown.
      if (!ending.timesOut) expect(thrown(actual)).toBe(thrown(expected))
      const handlerSettled = ending.timesOut === undefined
      expect(probe.endings).toEqual(ending.beforeOurs ? [] : [{ outcome: ending.outcome, handlerSettled }])
      expect(probe.scope?.outcome).toBe(ending.beforeOurs ? undefined : ending.outcome)
    },
  )
})
