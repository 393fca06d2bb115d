import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { compileAsUser } from './compile.ts'

const project = resolve(import.meta.dirname, '../..')
const durable = '@aws/durable-execution-sdk-js'

const read = (file: string): Promise<string> => readFile(resolve(project, file), 'utf8')

/** The TypeScript in a Markdown file, or in the `@example`s of a source file. */
const examplesIn = (text: string): string[] => {
  const blocks = text.matchAll(/^( \* | {3}\* |)```ts\n(.*?)^\1```$/gms)
  return Array.from(blocks, ([, prefix = '', code = '']) =>
    code
      .split('\n')
      .map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : line.replace(/^\s*\*\s?/, '')))
      .join('\n'),
  )
}

const documents = [
  'README.md',
  ...globSync('docs/**/*.md', { cwd: project }),
  ...globSync('{src,middlewares}/**/*.ts', { cwd: project }),
]

describe('types', () => {
  it('are those of every fixed signature, without the durable SDK', async () => {
    const signatures = await read('test/types/signatures.ts')
    expect(await compileAsUser({ 'signatures.ts': signatures })).toBe('')
  })

  it('are the same with the durable SDK', async () => {
    const signatures = await read('test/types/signatures.ts')
    expect(await compileAsUser({ 'signatures.ts': signatures }, [durable])).toBe('')
  })

  it('are what a user of the database meets, with query builders too', async () => {
    const signatures = await read('test/types/database-signatures.ts')
    const { peerDependencies } = JSON.parse(await read('package.json')) as { peerDependencies: object }
    const packages = [...Object.keys(peerDependencies), 'kysely', 'drizzle-orm', '@types/pg', 'pg-types', 'pg-protocol']
    expect(await compileAsUser({ 'signatures.ts': signatures }, packages)).toBe('')
  })

  it('hold for every example in README, docs and TSDoc as it stands', async () => {
    const files: Record<string, string> = {}
    for (const document of documents)
      for (const [index, code] of examplesIn(await read(document)).entries())
        files[`${document.replaceAll(/\W/g, '-')}-${index}.ts`] = `${code}\nexport {}\n`
    expect(Object.keys(files).length).toBeGreaterThan(15)
    const { peerDependencies } = JSON.parse(await read('package.json')) as { peerDependencies: object }
    const shared = ['redis', '@redis/client', '@redis/bloom', '@redis/json', '@redis/search', '@redis/time-series']
    expect(await compileAsUser(files, [...Object.keys(peerDependencies), ...shared])).toBe('')
  })

  it('are checked: a wrong use in an example is found', async () => {
    expect(
      await compileAsUser({
        'wrong.ts': "import { managed } from 'middy-managed-instances'\nmanaged({ reserve: 'a' })\n",
      }),
    ).toMatch(/reserve|string/)
  })
})
