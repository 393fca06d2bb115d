import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Backend, startBackend } from './backend/backend.ts'

const examples = ['tmp-file-handling', 'using-parameters']
const requests = 1_000

/** What the examples expect to find in AWS. */
const provision = (backend: Backend): void => {
  backend.parameters.set('/orders/bucket', { value: 'orders-eu' })
  backend.parameters.set('/orders/limits', { value: '{"lines":100}' })
  backend.secrets.set('orders/signing-key', { string: 'not-a-secret' })
}

const run = async (name: string, backend: Backend): Promise<void> => {
  const command = fileURLToPath(new URL('../dist/src/local/command.js', import.meta.url))
  const options = [`examples/${name}.handler`, '--event', `examples/${name}.json`, '--requests', `${requests}`]
  const child = spawn(process.execPath, [command, 'run', ...options], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...backend.env },
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`examples/${name} ended with ${code}.`)
}

const backend = await startBackend({ latency: 30 })
try {
  provision(backend)
  for (const name of examples) await run(name, backend)
  console.log(`${backend.calls.count()} calls for the parameters of ${requests} requests.`)
} finally {
  await backend.stop()
}
