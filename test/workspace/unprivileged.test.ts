import { execFile } from 'node:child_process'
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { ownDirectory } from './fixtures/requests.ts'

const run = promisify(execFile)
const nobody = 65_534

// Root may delete everything, so that only root can try it as somebody else.
const fixture = join(import.meta.dirname, 'fixtures/unprivileged.ts')
const flags = ['--conditions=middy-managed-instances/source', '--no-warnings']
const asNobody = process.geteuid?.() === 0 ? { uid: nobody, gid: nobody } : {}

test('directories that may not be written to, or not even be read, are removed by a user who is not root', async () => {
  const base = ownDirectory()
  if ('uid' in asNobody) chownSync(base, nobody, nobody)
  const { stdout } = await run(process.execPath, [...flags, fixture, join(base, 'root')], asNobody)
  const { uid, ...result } = JSON.parse(stdout) as { uid: number }
  expect(uid).not.toBe(0)
  expect(result).toEqual({ left: [], reported: [] })
})
