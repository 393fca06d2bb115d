#!/usr/bin/env node
import process from 'node:process'

const major = Number(process.versions.node.split('.')[0])
if (major < 22) {
  process.stderr.write(
    `lmi needs Node.js 22.15 or later and this is ${process.version}. Run it with a newer Node.js.\n`,
  )
  process.exitCode = 1
} else {
  // What is behind this needs Node.js 22 to load at all.
  const { main } = await import('./command/main.ts')
  await main(process.argv.slice(2))
}
