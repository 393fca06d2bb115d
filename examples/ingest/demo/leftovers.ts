import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What lies in a /tmp that should be empty. */
export interface Leftovers {
  readonly directories: number
  readonly files: number
}

/** The directory that holds the workspaces of all requests stays, and so does that of each worker in it. */
const staying = /^(middy-managed-instances|w\d+)$/

/** Where the workers of a process meet: it belongs to no request. */
const ofProcess = /^middy-managed-instances\.flights\./

/** Counts what is left in a /tmp as soon as nothing is, or when the time given, in milliseconds, is over. */
export const settle = async (tmp: string, time: number): Promise<Leftovers> => {
  const end = performance.now() + time
  for (;;) {
    const leftovers = count(tmp)
    if (leftovers.directories + leftovers.files === 0 || performance.now() >= end) return leftovers
    await sleep(100)
  }
}

// Directory by directory: a recursive readdir fails when one vanishes while it reads.
const count = (directory: string): { directories: number; files: number } => {
  const leftovers = { directories: 0, files: 0 }
  for (const entry of readIfThere(directory)) {
    if (!entry.isDirectory()) leftovers.files++
    else if (!ofProcess.test(entry.name)) {
      const inside = count(join(directory, entry.name))
      leftovers.directories += inside.directories + (staying.test(entry.name) ? 0 : 1)
      leftovers.files += inside.files
    }
  }
  return leftovers
}

const readIfThere = (directory: string): Dirent[] => {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
