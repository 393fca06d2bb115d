import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/**
 * The path of a Node.js binary of one major version: the one npm installed for this platform, else the Node
 * that runs this if it is of that version.
 */
const findNode = (major) => {
  const installed = `node${major}-${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${installed}/package.json`)), 'bin', 'node')
  } catch {
    if (process.versions.node.startsWith(`${major}.`)) return process.execPath
    throw new Error(
      `Node.js ${major} is needed and there is no npm package of it for ${process.platform} ${process.arch}. ` +
        `This is Node.js ${process.version}. Install Node.js ${major}, then run the command again with it.`,
    )
  }
}

/** Runs `node <args of this process>` on the given major version and ends as it ends. */
export const launch = (major) => {
  let node
  try {
    node = findNode(major)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
  const child = spawn(node, process.argv.slice(2), {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
  })
  // A terminal sends Ctrl-C to the whole group: the child decides what it means, this process waits for it.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
