import { randomUUID } from 'node:crypto'
import { DurableExecutionInvocationInputWithClient } from '@aws/durable-execution-sdk-js'
import { executionModeDurableContext } from '@middy/core/DurableContext'
import type { Fields, Handler, Plugin } from './handlers.ts'

export interface DurableAnswer {
  readonly Status: 'SUCCEEDED' | 'FAILED' | 'PENDING'
  readonly Result?: string
  readonly Error?: { readonly ErrorType?: string; readonly ErrorMessage?: string }
}

interface Operation {
  readonly Id: string
  readonly Type: string
  Status: string
  readonly [detail: string]: unknown
}

interface Update {
  readonly Id: string
  readonly Type: string
  readonly Action: string
  readonly Payload?: string
  readonly [detail: string]: unknown
}

const statuses: Fields = { START: 'STARTED', SUCCEED: 'SUCCEEDED', FAIL: 'FAILED' }

export const durable: Plugin = { executionMode: executionModeDurableContext }

/** One durable execution on the real SDK, its checkpoints kept in memory; each `invoke` is one Lambda invocation. */
export class DurableExecution {
  readonly #handler: Handler
  readonly #operations = new Map<string, Operation>()

  constructor(handler: Handler, payload: unknown = {}) {
    this.#handler = handler
    const input = { InputPayload: JSON.stringify(payload) }
    this.#operations.set('input', { Id: 'input', Type: 'EXECUTION', Status: 'STARTED', ExecutionDetails: input })
  }

  async invoke(context: Fields): Promise<DurableAnswer> {
    const event = {
      DurableExecutionArn: `arn:aws:lambda:eu-west-1:1:function:f/durable-execution/${randomUUID()}`,
      CheckpointToken: randomUUID(),
      InitialExecutionState: { Operations: [...this.#operations.values()] },
    }
    const client = { checkpoint: this.#checkpoint, getExecutionState: async () => ({ Operations: [] }) }
    const input = new DurableExecutionInvocationInputWithClient(event as never, client as never)
    return (await this.#handler(input, context)) as DurableAnswer
  }

  /** What the service does between two invocations: every wait is over. */
  endWaits(): void {
    for (const operation of this.#operations.values()) if (operation.Type === 'WAIT') operation.Status = 'SUCCEEDED'
  }

  readonly #checkpoint = async ({ Updates = [] }: { Updates?: readonly Update[] }): Promise<Fields> => {
    for (const update of Updates)
      this.#operations.set(update.Id, {
        ...update,
        Status: String(statuses[update.Action]),
        StepDetails: { Result: update.Payload },
        WaitDetails: { ScheduledEndTimestamp: new Date(Date.now() + 3_600_000) },
      })
    const Operations = Updates.map(({ Id }) => this.#operations.get(Id))
    return { CheckpointToken: randomUUID(), NewExecutionState: { Operations } }
  }
}
