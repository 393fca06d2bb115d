import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll } from '@jest/globals'

const run = promisify(execFile)
const project = resolve(import.meta.dirname, '../..')

/** What a project of a user's has installed beside this package. */
const installed = [
  '@middy/core',
  '@middy/util',
  '@types/aws-lambda',
  '@types/node',
  'undici-types',
  'uuid',
  '@aws/lambda-invoke-store',
]

let emitting: Promise<string> | undefined
const directories: string[] = []

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true })
})

/** The package's declarations, as a build makes them, for all compilations of a test file. */
const declarations = (): Promise<string> => {
  emitting ??= (async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mmi-declarations-'))
    directories.push(directory)
    const options = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--declarationMap', 'false']
    await run(join(project, 'node_modules/.bin/tsc'), [...options, '--outDir', directory], { cwd: project })
    return directory
  })()
  return emitting
}

/**
 * Compiles files as a user's project would that has installed the package, its peers and the packages named, and
 * nothing else; resolves to what the compiler said, empty if all is well.
 */
export const compileAsUser = async (files: Record<string, string>, also: readonly string[] = []): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'mmi-types-'))
  try {
    for (const name of new Set([...installed, ...also])) {
      const link = join(directory, 'node_modules', name)
      await mkdir(dirname(link), { recursive: true })
      await symlink(join(project, 'node_modules', name), link)
    }
    const ours = join(directory, 'node_modules/middy-managed-instances')
    await mkdir(ours, { recursive: true })
    await copyFile(join(project, 'package.json'), join(ours, 'package.json'))
    await symlink(await declarations(), join(ours, 'dist'))
    const { customConditions, ...compilerOptions } = JSON.parse(
      await readFile(join(project, 'tsconfig.json'), 'utf8'),
    ).compilerOptions
    // Linked packages must not find, from where they really are, what this project has and the user's has not.
    const config = { compilerOptions: { ...compilerOptions, preserveSymlinks: true }, include: ['*.ts'] }
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
    await run(join(project, 'node_modules/.bin/tsc'), ['-p', directory], { cwd: directory })
    return ''
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
