import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { RuntimeClientMissingError } from './errors.ts'

/** The entry file of `aws-lambda-ric`: the user's own, or else the one beside this package, whose module's URL is `fallback`. */
export function findRuntimeClient(cwd: string, fallback: string = import.meta.url): string {
  let cause: unknown
  for (const from of [path.join(cwd, 'handler.js'), fallback]) {
    try {
      return realpathSync(createRequire(from).resolve('aws-lambda-ric'))
    } catch (error) {
      cause = error
    }
  }
  throw new RuntimeClientMissingError(cwd, { cause })
}
