import { DurableExecution, durable } from './durable.ts'
import type { Answers } from './endings.ts'
import type { Fields, Handler, Plugin } from './handlers.ts'
import { invokeStreaming, streaming } from './streaming.ts'

/** One of Middy's execution modes, and how the runtime calls a handler in it. */
export interface Mode {
  readonly name: 'standard' | 'streaming' | 'durable'
  readonly plugin: Plugin
  readonly answers: Answers
  readonly invoke: (handler: Handler, context: Fields) => Promise<unknown>
}

const text: Answers = { ours: 'from the handler', early: 'from another middleware' }

export const standardMode: Mode = {
  name: 'standard',
  plugin: {},
  answers: { ours: { from: 'the handler' }, early: { from: 'another middleware' } },
  invoke: (handler, context) => handler({}, context),
}

export const streamingMode: Mode = {
  name: 'streaming',
  plugin: streaming,
  answers: text,
  invoke: (handler, context) => invokeStreaming(handler, {}, context),
}

export const durableMode: Mode = {
  name: 'durable',
  plugin: durable,
  answers: text,
  invoke: (handler, context) => new DurableExecution(handler).invoke(context),
}

export const modes: readonly Mode[] = [standardMode, streamingMode, durableMode]
