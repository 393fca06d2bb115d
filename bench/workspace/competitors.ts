import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'
import { temporaryDirectoryTask } from 'tempy'
import { dir } from 'tmp-promise'

export const competitors = [
  'workspace.file',
  'workspace.write',
  'by hand',
  'mkdtemp + rm -r',
  'tmp-promise',
  'tempy',
] as const

export type Competitor = (typeof competitors)[number]

export type Handler = (event: unknown, context: object) => Promise<unknown>

const data = Buffer.alloc(4096, 'a')

/** What the user does, the same for everybody: one asynchronous write. */
const use = (directory: string): Promise<void> => writeFile(`${directory}/x`, data)

type Body = (event: unknown, context: Context) => Promise<unknown>

const onBareMiddy = (handler: Body): Handler => middy().handler(handler) as unknown as Handler

const onOurs = (
  root: string,
  handler: (files: import('middy-managed-instances/workspace').Workspace) => Promise<unknown>,
): Handler =>
  middy(managed())
    .use(workspace({ root }))
    .handler(async (_event, { workspace }) => handler(workspace)) as unknown as Handler

let count = 0

/** With the fewest and fastest calls, and none of what makes it safe. */
const byHand = async (root: string): Promise<void> => {
  const directory = `${root}/${threadId}-${count++}`
  mkdirSync(directory, 0o700)
  try {
    await use(directory)
  } finally {
    for (const name of readdirSync(directory)) unlinkSync(`${directory}/${name}`)
    rmdirSync(directory)
  }
}

const withMkdtemp = async (root: string): Promise<void> => {
  const directory = await mkdtemp(join(root, 'x-'))
  try {
    await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const withTmpPromise = async (root: string): Promise<void> => {
  const { path, cleanup } = await dir({ tmpdir: root, unsafeCleanup: true })
  try {
    await use(path)
  } finally {
    await cleanup()
  }
}

/** Makes a handler whose every request has a directory below `root` and writes a file into it. */
export const makeHandler = (competitor: Competitor, root: string): Handler => {
  switch (competitor) {
    case 'workspace.file':
      return onOurs(root, (files) => writeFile(files.file('x'), data))
    case 'workspace.write':
      return onOurs(root, (files) => files.write('x', data))
    case 'by hand':
      return onBareMiddy(() => byHand(root))
    case 'mkdtemp + rm -r':
      return onBareMiddy(() => withMkdtemp(root))
    case 'tmp-promise':
      return onBareMiddy(() => withTmpPromise(root))
    case 'tempy':
      return onBareMiddy(() => temporaryDirectoryTask(use, { rootDirectory: root }))
    default:
      return competitor satisfies never
  }
}
