import { expect, test } from '@jest/globals'
import { Statistics } from '../../src/local/statistics.ts'

test('statistics count what happened in each worker and in all', () => {
  const statistics = new Statistics(2)
  expect(statistics.read()).toMatchObject({ requests: 0, throughput: 0, p50: 0, p99: 0, peakInFlightPerWorker: [0, 0] })
  for (let index = 0; index < 4; index += 1) {
    statistics.accepted()
    statistics.admitted(1000 + index)
    statistics.delivered(index === 3 ? 1 : 0)
  }
  statistics.settled('ok', 0, 10, 1500)
  statistics.settled('function-error', 0, 20, 1600)
  statistics.settled('timeout', 0, 30, 1700)
  statistics.late()
  statistics.accepted()
  statistics.dropped('unanswered')
  statistics.died(1, 'a broken heart')
  expect(statistics.read()).toEqual({
    requests: 5,
    inFlight: 1,
    peakInFlight: 4,
    peakInFlightPerWorker: [3, 1],
    answers: { ok: 1, 'function-error': 1, timeout: 1, unanswered: 1 },
    unanswered: 1,
    lateAnswers: 1,
    throughput: 3 / 0.7,
    p50: 20,
    p99: 30,
    workers: [
      { alive: true, diedOf: undefined, requests: 3, inFlight: 0, peakInFlight: 3 },
      { alive: false, diedOf: 'a broken heart', requests: 1, inFlight: 1, peakInFlight: 1 },
    ],
  })
})
