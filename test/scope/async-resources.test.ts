import { createHook } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import middy from '@middy/core'
import { managed } from 'middy-managed-instances'

test('leaves libraries with async hooks nothing to keep of a request that has ended', async () => {
  const alive = new Set<number>()
  const hook = createHook({
    init: (id, type) => void (type.startsWith('middy-managed-instances') && alive.add(id)),
    destroy: (id) => void alive.delete(id),
  }).enable()
  try {
    const handler = middy(managed()).handler(async () => 'done')
    for (let request = 0; request < 100; request++) await handler({}, {} as never)
    // Node.js tells of what is destroyed in a later turn.
    for (let turn = 0; turn < 10 && alive.size > 0; turn++) await setImmediate()
    expect(alive.size).toBe(0)
  } finally {
    hook.disable()
  }
})
