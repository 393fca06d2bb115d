import { describe, expect, test } from '@jest/globals'
import { type LogLine, Logs, requestOf } from '../../src/local/logs.ts'

const line = (requestId: string, text: string): LogLine => ({ requestId, text, worker: 0, source: 'console' })

describe('logs', () => {
  test('keep the lines of each request, and all in order of arrival', () => {
    const logs = new Logs(1000)
    for (const [requestId, text] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['-', '4'],
    ] as const)
      logs.add(line(requestId, text))
    expect(logs.read('a')).toEqual(['1', '3'])
    expect(logs.read('b')).toEqual(['2'])
    expect(logs.read('-')).toEqual(['4'])
    expect(logs.read('c')).toEqual([])
    expect(logs.read()).toEqual(['1', '2', '3', '4'])
  })

  test('drop the oldest lines over their bound', () => {
    const logs = new Logs(10)
    for (let index = 0; index < 10_000; index += 1) logs.add(line(`request ${index % 3}`, `${index % 10}`.repeat(2)))
    expect(logs.read()).toEqual(['55', '66', '77', '88', '99'])
    expect(logs.read('request 0')).toEqual(['66', '99'])
    expect(logs.read('request 2')).toEqual(['55', '88'])
  })

  test('keep nothing of a line longer than their bound, and still hand it on', () => {
    const seen: string[] = []
    const logs = new Logs(10, ({ text }) => seen.push(text))
    logs.add(line('a', 'x'.repeat(11)))
    expect(logs.read()).toEqual([])
    expect(logs.read('a')).toEqual([])
    expect(seen).toHaveLength(1)
  })

  test.each([
    ['{"timestamp":"t","requestId":"r-1","message":"m"}', 'r-1'],
    ['{"level":"INFO","function_request_id":"r-2"}', 'r-2'],
    ['{"message":"m"}', '-'],
    ['plain "requestId":"r"', '-'],
    ['', '-'],
  ])('find the request of %s', (text, requestId) => {
    expect(requestOf(text)).toBe(requestId)
  })
})
