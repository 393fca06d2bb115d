import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { RuntimeClientMissingError } from './errors.ts'

/** The entry file of `aws-lambda-ric`: the user's own, or else the one beside this package. */
export function findRuntimeClient(cwd: string): string {
  let cause: unknown
  for (const from of [path.join(cwd, 'handler.js'), import.meta.url]) {
    try {
      return realpathSync(createRequire(from).resolve('aws-lambda-ric'))
    } catch (error) {
      cause = error
    }
  }
  throw new RuntimeClientMissingError(cwd, { cause })
}
