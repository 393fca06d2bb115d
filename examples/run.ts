import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type Backend, startBackend } from './backend/backend.ts'
import { type Postgres, startPostgres } from './backend/postgres.ts'

/** Those that need nothing but what is started here; `using-idempotency` needs DynamoDB, and has it in its test. */
const examples = [
  'tmp-file-handling',
  'using-parameters',
  'database-connections',
  'using-logger',
  'using-metrics',
  'using-tracer',
  'using-batch',
  'using-parser',
  'using-validation',
  'using-data-masking',
  'using-feature-flags',
]
const requests = 1_000

/** What the examples expect to find in AWS. */
const provision = (backend: Backend): void => {
  backend.parameters.set('/orders/bucket', { value: 'orders-eu' })
  backend.parameters.set('/orders/limits', { value: '{"lines":100}' })
  backend.secrets.set('orders/signing-key', { string: 'not-a-secret' })
  const flags = { discount: { enabled: true, percent: 10, tenants: ['north'] }, giftWrap: { enabled: false } }
  const address = { application: 'shop', environment: 'production', profile: 'flags' }
  backend.configurations.set(address, { content: JSON.stringify(flags) })
}

/** What the examples expect to find in the database, and how they find it. */
const createAccounts = async ({ host, port, user, password, database }: Postgres): Promise<Record<string, string>> => {
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  await client.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)')
  await client.query('INSERT INTO accounts VALUES (1, 1000000), (2, 0)')
  await client.end()
  return { PGHOST: host, PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, PGDATABASE: database }
}

const run = async (name: string, env: Readonly<Record<string, string>>): Promise<void> => {
  const command = fileURLToPath(new URL('../dist/src/local/command.js', import.meta.url))
  const options = [`examples/${name}.handler`, '--event', `examples/${name}.json`, '--requests', `${requests}`]
  const child = spawn(process.execPath, [command, 'run', ...options], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`examples/${name} ended with ${code}.`)
}

const backend = await startBackend({ latency: 30 })
const postgres = await startPostgres()
try {
  provision(backend)
  const env = { ...backend.env, ...(await createAccounts(postgres)) }
  for (const name of examples) await run(name, env)
  console.log(`${backend.calls.count()} calls for the parameters of ${requests} requests.`)
} finally {
  await Promise.all([backend.stop(), postgres.stop()])
}
