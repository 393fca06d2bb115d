import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { listLeftovers, settleLeftovers } from '../../../src/local/command/leftovers.ts'

const never = new AbortController().signal
let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'lmi-test-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('leftovers', () => {
  test('are the entries of the root, and what is in the folders of its workers', () => {
    mkdirSync(path.join(root, 'workspace/inside'), { recursive: true })
    mkdirSync(path.join(root, 'w3/old'), { recursive: true })
    mkdirSync(path.join(root, 'w0'))
    writeFileSync(path.join(root, 'file'), '')
    expect(listLeftovers(root).sort()).toEqual(['file', 'w3/old', 'workspace'])
    expect(listLeftovers(path.join(root, 'nowhere'))).toEqual([])
  })

  test('are waited for, at most for the bound', async () => {
    for (const name of ['known', 'going', 'staying']) mkdirSync(path.join(root, name))
    setTimeout(() => rmSync(path.join(root, 'going'), { recursive: true }), 20)
    await expect(settleLeftovers(root, ['known'], 150, never)).resolves.toEqual(['staying'])
    rmSync(path.join(root, 'staying'), { recursive: true })
    await expect(settleLeftovers(root, ['known'], 60_000, never)).resolves.toEqual([])
  })

  test('are not waited for once the run was interrupted', async () => {
    mkdirSync(path.join(root, 'staying'))
    await expect(settleLeftovers(root, [], 60_000, AbortSignal.abort())).rejects.toThrow()
  })
})
