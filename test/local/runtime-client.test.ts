import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { RuntimeClientMissingError } from '../../src/local/index.ts'
import { findRuntimeClient } from '../../src/local/runtime-client.ts'
import { projectRoot } from './fixtures/paths.ts'

let directory: string
beforeAll(() => {
  directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'lmi-test-')))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('the runtime client', () => {
  test('is the one beside this package when the handler’s project has none', () => {
    expect(findRuntimeClient(directory)).toBe(path.join(projectRoot, 'node_modules/aws-lambda-ric/index.mjs'))
  })

  test('is that of the handler’s project', () => {
    const own = path.join(directory, 'own/node_modules/aws-lambda-ric')
    mkdirSync(own, { recursive: true })
    writeFileSync(path.join(own, 'package.json'), '{ "name": "aws-lambda-ric", "type": "module", "main": "index.mjs" }')
    writeFileSync(path.join(own, 'index.mjs'), '')
    expect(findRuntimeClient(path.join(directory, 'own/src'))).toBe(path.join(own, 'index.mjs'))
  })

  test('that is nowhere is an error with the command that installs it', () => {
    const nowhere = pathToFileURL(path.join(directory, 'module.js')).href
    expect(() => findRuntimeClient(directory, nowhere)).toThrow(RuntimeClientMissingError)
    expect(() => findRuntimeClient(directory, nowhere)).toThrow(
      `was not found from ${directory}. Install it with: npm install --save-dev --ignore-scripts aws-lambda-ric`,
    )
  })
})
