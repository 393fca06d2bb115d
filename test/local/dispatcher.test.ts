import { expect, jest, test } from '@jest/globals'
import { Dispatcher } from '../../src/local/dispatcher.ts'
import { Invocation } from '../../src/local/invocation.ts'
import { answered } from '../../src/local/results.ts'
import { Statistics } from '../../src/local/statistics.ts'

test('an answer that comes at the deadline is late, though its timer has not fired', async () => {
  const statistics = new Statistics(1)
  const dispatcher = new Dispatcher(2, statistics)
  const [onTime, late] = ['on-time', 'late'].map((id) => {
    dispatcher.poll({ worker: 0, deliver: () => {} })
    const invocation = new Invocation({ id, body: '{}', timeout: 60_000, headers: {}, onStream: undefined })
    dispatcher.submit(invocation)
    return invocation
  }) as [Invocation, Invocation]
  const now = jest.spyOn(Date, 'now')
  try {
    now.mockReturnValue(onTime.deadline - 1)
    dispatcher.settle('on-time', answered(Buffer.from('1')))
    now.mockReturnValue(late.deadline)
    dispatcher.settle('late', answered(Buffer.from('1')))
  } finally {
    now.mockRestore()
  }
  await expect(onTime.result).resolves.toMatchObject({ status: 'ok' })
  await expect(late.result).resolves.toMatchObject({ status: 'timeout', error: { errorType: 'Sandbox.Timedout' } })
  expect(statistics.read()).toMatchObject({ inFlight: 0, lateAnswers: 1, answers: { ok: 1, timeout: 1 } })
})
