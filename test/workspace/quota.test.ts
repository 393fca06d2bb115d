import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from '@jest/globals'
import { isManagedError, type ReleaseError } from 'middy-managed-instances'
import { WorkspaceFullError } from 'middy-managed-instances/workspace'
import { entriesIn, failureOf, ownRoot, request } from './fixtures/requests.ts'

const full = (allowed: number, found: number): object => ({
  name: 'WorkspaceFullError',
  code: 'WORKSPACE_FULL',
  retryable: true,
  data: { limit: 'maxBytes', allowed, found },
  message: expect.stringContaining('raise maxBytes'),
})

const text = (length: number): string => 'x'.repeat(length)

describe('with maxBytes', () => {
  test('exactly as many bytes are taken, and one more is not', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      await workspace.write('a', text(60))
      await workspace.write('b', text(40))
      const error = await failureOf(() => workspace.write('c', text(1)))
      expect(error).toBeInstanceOf(WorkspaceFullError)
      expect(isManagedError(error)).toBe(true)
      expect(error).toMatchObject(full(100, 101))
      expect(entriesIn(workspace.path).sort()).toEqual(['a', 'b'])
    })
  })

  test('bytes are counted, not characters', async () => {
    await request({ root: ownRoot(), maxBytes: 5 }, async (workspace) => {
      expect(await failureOf(() => workspace.write('a', '€€'))).toMatchObject(full(5, 6))
      await workspace.write('a', '€')
    })
  })

  test('a file written again counts once, and a refused one leaves the former in place', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      for (let round = 0; round < 5; round++) await workspace.write('d/a', text(90))
      expect(await failureOf(() => workspace.write('d/a', text(101)))).toMatchObject(full(100, 101))
      expect(await workspace.usage()).toEqual({ files: 1, bytes: 90 })
      await workspace.write('d/a', text(10))
      await workspace.write('b', text(90))
    })
  })

  test('overlapping writes are added up before the first is done', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => workspace.write(name, text(30))))
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    })
  })

  test('a stream stops at the chunk that is too much', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      const chunks = Array.from({ length: 10 }, () => text(30))
      const error = await failureOf(() => pipeline(chunks, workspace.createWriteStream('a')))
      expect(error).toMatchObject(full(100, 120))
      expect((await workspace.usage()).bytes).toBe(90)
      await workspace.write('b', text(10))
      expect(await failureOf(() => workspace.write('c', text(1)))).toMatchObject(full(100, 101))
    })
  })

  test('a stream over a file counts the file once', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      await workspace.write('a', text(90))
      await pipeline([text(50), text(50)], workspace.createWriteStream('a'))
      expect(await workspace.usage()).toEqual({ files: 1, bytes: 100 })
    })
  })

  test('what could not be written is not counted', async () => {
    await request({ root: ownRoot(), maxBytes: 100 }, async (workspace) => {
      mkdirSync(workspace.file('directory'))
      expect(await failureOf(() => workspace.write('directory', text(90)))).toMatchObject({ code: 'EISDIR' })
      await workspace.write('a', text(100))
      expect(await workspace.usage()).toEqual({ files: 1, bytes: 100 })
    })
  })

  test('none at all can be written when it is 0', async () => {
    await request({ root: ownRoot(), maxBytes: 0 }, async (workspace) => {
      await workspace.write('empty', '')
      expect(await failureOf(() => workspace.write('a', 'x'))).toMatchObject(full(0, 1))
    })
  })

  test('each request has its own', async () => {
    const options = { root: ownRoot(), maxBytes: 100 }
    await Promise.all(
      Array.from({ length: 10 }, () => request(options, (workspace) => workspace.write('a', text(100)))),
    )
  })
})

describe('what others wrote beyond maxBytes', () => {
  const reportedBy = async (
    maxBytes: number,
    write: (file: (name: string) => string) => void,
  ): Promise<ReleaseError[]> => {
    const reported: ReleaseError[] = []
    const root = ownRoot()
    const onReleaseError = (error: ReleaseError): void => void reported.push(error)
    const answer = await request(
      { root, maxBytes, cleanup: 'await' },
      (workspace) => {
        write((name) => workspace.file(name))
        return 'answer'
      },
      { onReleaseError },
    )
    expect(answer).toBe('answer')
    expect(entriesIn(root)).toEqual([])
    return reported
  }

  test('is reported at the end and changes no answer', async () => {
    const [error, ...others] = await reportedBy(100, (file) => writeFileSync(file('foreign'), text(150)))
    expect(others).toEqual([])
    expect(error).toMatchObject({ code: 'RELEASE_FAILED', data: { release: 'workspace', outcome: 'returned' } })
    expect(error?.cause).toBeInstanceOf(WorkspaceFullError)
    expect(error?.cause).toMatchObject(full(100, 150))
  })

  test('is reported for a workspace that is deleted in the background too', async () => {
    const [error, ...others] = await reportedBy(100, (file) => {
      for (let index = 0; index < 50; index++) writeFileSync(file(`d/${index}`), text(3))
    })
    expect(others).toEqual([])
    expect(error?.cause).toMatchObject(full(100, 150))
  })

  test('is not reported when it was deleted again, or is just enough', async () => {
    const reported = await reportedBy(100, (file) => {
      writeFileSync(file('large'), text(150))
      unlinkSync(file('large'))
      writeFileSync(file('small'), text(100))
    })
    expect(reported).toEqual([])
  })
})
