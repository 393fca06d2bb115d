import { expect, jest, test } from '@jest/globals'
import { createContext } from 'middy-managed-instances/testing'

test('a context has every field of aws-lambda, of the right type', () => {
  const context = createContext()
  expect(context).toEqual({
    callbackWaitsForEmptyEventLoop: true,
    functionName: expect.any(String),
    functionVersion: expect.any(String),
    invokedFunctionArn: expect.stringMatching(/^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:test-function$/),
    memoryLimitInMB: expect.stringMatching(/^\d+$/),
    awsRequestId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    logGroupName: '/aws/lambda/test-function',
    logStreamName: expect.any(String),
    getRemainingTimeInMillis: expect.any(Function),
    done: expect.any(Function),
    fail: expect.any(Function),
    succeed: expect.any(Function),
  })
})

test('the remaining time runs down, below zero too, and can be asked without the object', () => {
  jest.useFakeTimers({ now: 1_000 })
  try {
    const { getRemainingTimeInMillis } = createContext({ timeout: 500 })
    expect(getRemainingTimeInMillis()).toBe(500)
    jest.setSystemTime(1_200)
    expect(getRemainingTimeInMillis()).toBe(300)
    jest.setSystemTime(1_700)
    expect(getRemainingTimeInMillis()).toBe(-200)
    expect(createContext().getRemainingTimeInMillis()).toBe(30_000)
  } finally {
    jest.useRealTimers()
  }
})

test('every context is a request of its own', () => {
  expect(createContext().awsRequestId).not.toBe(createContext().awsRequestId)
})

test('what is given takes the place of the default, and the name reaches what is made of it', () => {
  const getRemainingTimeInMillis = (): number => 7
  const context = createContext({ functionName: 'orders', awsRequestId: 'id', getRemainingTimeInMillis })
  expect(context).toMatchObject({
    functionName: 'orders',
    invokedFunctionArn: expect.stringMatching(/:function:orders$/),
    logGroupName: '/aws/lambda/orders',
    awsRequestId: 'id',
  })
  expect(context.getRemainingTimeInMillis()).toBe(7)
  expect(context).not.toHaveProperty('timeout')
})

test('a context can be extended, as Middy does', () => {
  expect(Object.isExtensible(createContext())).toBe(true)
})
