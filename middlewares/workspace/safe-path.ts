import { lstatSync, mkdirSync } from 'node:fs'
import { sep } from 'node:path'
import { WorkspacePathError } from './errors.ts'
import { hasCode } from './root.ts'

/** The longest name a file can have on the file systems of Lambda and of a laptop, in bytes. */
const longestName = 255

/** The longest path the system takes, in bytes. */
const longestPath = 4_095

/**
 * Splits names into the parts of a relative path that can't lead anywhere but down.
 *
 * @throws {@link WorkspacePathError}
 */
export const safeParts = (names: readonly string[]): string[] => {
  const refuse = (problem: string): never => {
    throw new WorkspacePathError(names, problem)
  }
  if (names.length === 0) refuse('expected at least one name')
  const parts: string[] = []
  for (const name of names) {
    if (typeof name !== 'string') refuse('expected names that are strings')
    if (name.startsWith('/')) refuse('a name must not be absolute')
    if (name.includes('\0')) refuse('a name must not contain NUL')
    if (name.includes('\\')) refuse('a name must not contain a backslash')
    if (!name.isWellFormed()) refuse('a name must be well-formed Unicode')
    for (const part of name.split('/')) {
      if (part === '') refuse('a name must not be empty or have an empty part')
      if (part === '.' || part === '..') refuse('a name must not have "." or ".." as a part')
      if (Buffer.byteLength(part) > longestName) refuse(`a part of a name must not be longer than ${longestName} bytes`)
      parts.push(part)
    }
  }
  return parts
}

/** The path of `parts` below `directory`, whose parents are created and are never a symbolic link to somewhere else. */
export const pathWithParents = (directory: string, parts: readonly string[], names: readonly string[]): string =>
  pathBelow(directory, parts, names, (parent) => {
    try {
      mkdirSync(parent, 0o700)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
      requireDirectory(parent, names)
    }
  })

/** The same for something that shall exist already: nothing is created. */
export const pathOfExisting = (directory: string, parts: readonly string[], names: readonly string[]): string =>
  pathBelow(directory, parts, names, (parent) => requireDirectory(parent, names))

const pathBelow = (
  directory: string,
  parts: readonly string[],
  names: readonly string[],
  visitParent: (parent: string) => void,
): string => {
  if (Buffer.byteLength([directory, ...parts].join(sep)) > longestPath)
    throw new WorkspacePathError(names, `the whole path must not be longer than ${longestPath} bytes`)
  let path = directory
  for (const [index, part] of parts.entries()) {
    if (index > 0) visitParent(path)
    path += sep + part
  }
  return path
}

const requireDirectory = (path: string, names: readonly string[]): void => {
  if (!lstatSync(path).isDirectory())
    throw new WorkspacePathError(names, 'a file or symbolic link stands where a directory is needed')
}
