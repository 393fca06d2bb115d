import { sep } from 'node:path'
import { isTrustedRoot, namesIn } from './root.ts'

/** How many lanes a root has at most, whatever number of workers and processes has used it. */
const laneLimit = 64

const pattern = /^w\d{1,2}$/

/**
 * The directory below a root that a worker creates its workspaces in: a file system locks a directory while an entry is
 * added to it or taken from it, and eight workers would wait for each other.
 */
export const laneOf = (root: string, thread: number): string => `${root}${sep}w${thread % laneLimit}`

/** The lanes of all workers below a root, dead ones included; none of a root that can't be trusted. */
export const lanesIn = (root: string): string[] =>
  isTrustedRoot(root)
    ? namesIn(root)
        .filter((name) => pattern.test(name))
        .map((name) => root + sep + name)
        .filter(isTrustedRoot)
    : []

/** The paths of what is in the lanes of a root. */
export const pathsIn = (root: string): string[] =>
  lanesIn(root).flatMap((lane) => namesIn(lane).map((name) => lane + sep + name))
