import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** By how many bytes README's table may be wrong: the next small change need not touch it. */
const tolerance = 500

const usage = `usage: size.mjs [DIST] [--check] [--write]

  DIST     where the package was compiled to, default: dist
  --check  ends with 1 if the budget is exceeded or README's table is wrong by more than ${tolerance / 1000} kB
  --write  writes the table into README.md`

const project = resolve(fileURLToPath(import.meta.url), '../..')
const readme = join(project, 'README.md')
const begin = '<!-- size:begin -->'
const end = '<!-- size:end -->'

/** What the root and the workspace together may take, gzipped. A kB is 1,000 bytes. */
const budget = 12_100

const external = [
  ...builtinModules,
  'node:*',
  '@middy/*',
  'uuid',
  'lru-cache',
  'pg',
  'pg-*',
  'mysql2',
  'mysql2/*',
  'postgres',
  'aws-lambda-ric',
  '@aws/*',
  '@aws-sdk/*',
  '@aws-lambda-powertools/*',
]

const fail = (message) => {
  console.error(message)
  process.exit(1)
}

/** The subpaths of the package that have code, and the compiled file of each. */
const entriesIn = (dist) => {
  const { name, exports } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => typeof target.default === 'string')
    .map(([subpath, target]) => {
      const file = join(dist, relative('dist', target.default))
      if (!existsSync(file))
        fail(`size: ${file} of "${subpath}" is missing. Run "npm run build" first, or name the directory.`)
      return { name: join(name, subpath), file }
    })
}

/** The bytes of what a bundler makes of `import` statements of these files, minified and then gzipped. */
const measure = async (files) => {
  const contents = files.map((file, index) => `export * as _${index} from ${JSON.stringify(file)}`).join('\n')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project },
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    external,
    logLevel: 'error',
  })
  const [{ contents: code }] = outputFiles
  return { minified: code.length, gzipped: gzipSync(code, { level: 9 }).length }
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`

const toTable = (rows) =>
  [
    '| import | minified | gzipped |',
    '|---|--:|--:|',
    ...rows.map(({ name, minified, gzipped }) => `| ${name} | ${kilobytes(minified)} | ${kilobytes(gzipped)} |`),
  ].join('\n')

/** Whether a table has the same rows, and figures close to these. */
const tells = (table, rows) => {
  const told = table.split('\n').slice(2)
  return (
    told.length === rows.length &&
    rows.every(({ name, minified, gzipped }, index) => {
      const [, cell, ...figures] = told[index].split('|').map((text) => text.trim())
      const bytes = figures.slice(0, 2).map((text) => Number.parseFloat(text) * 1000)
      return cell === name && Math.abs(bytes[0] - minified) <= tolerance && Math.abs(bytes[1] - gzipped) <= tolerance
    })
  )
}

/** README's text before the table, the table and what comes after it. */
const readmeParts = () => {
  if (!existsSync(readme)) fail('size: there is no README.md.')
  const text = readFileSync(readme, 'utf8')
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from === -1 || to < from)
    fail(`size: README.md has no place for the table. Put ${begin} and ${end} where it belongs.`)
  return {
    before: text.slice(0, from + begin.length),
    table: text.slice(from + begin.length, to).trim(),
    after: text.slice(to),
  }
}

const readArguments = () => {
  try {
    const options = { check: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } }
    const { values, positionals } = parseArgs({ allowPositionals: true, options })
    if (positionals.length > 1) throw new TypeError('Expected one directory at most.')
    return { ...values, dist: resolve(positionals[0] ?? join(project, 'dist')) }
  } catch (error) {
    return fail(`${error.message}\n\n${usage}`)
  }
}

const { check, write, dist } = readArguments()
const entries = entriesIn(dist)
const rows = []
for (const { name, file } of entries) rows.push({ name: `\`${name}\``, ...(await measure([file])) })
const first = entries.slice(0, 2)
const together = await measure(first.map(({ file }) => file))
rows.splice(2, 0, { name: 'both together', ...together })
const table = toTable(rows)
console.log(table)

if (write) {
  const { before, after } = readmeParts()
  writeFileSync(readme, `${before}\n${table}\n${after}`)
}
if (check) {
  if (!tells(readmeParts().table, rows))
    fail('\nsize: the table in README.md is out of date. Run "npm run size -- --write".')
  if (together.gzipped > budget)
    fail(`\nsize: the root and the workspace take ${together.gzipped} bytes gzipped; ${budget} are allowed.`)
}
