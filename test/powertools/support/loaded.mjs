import { registerHooks } from 'node:module'

const loaded = []
registerHooks({
  load: (url, context, next) => {
    loaded.push(url)
    return next(url, context)
  },
})
const packages = () => {
  const names = loaded.map((url) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)\/(?!.*node_modules)/.exec(url)?.[1])
  return [...new Set(names.filter((name) => /powertools|xray|cls-hooked/.test(name ?? '')))].toSorted()
}

const { powertools } = await import('middy-managed-instances/powertools')
const atImport = packages()
const { Logger } = await import('@aws-lambda-powertools/logger')
powertools({ logger: new Logger() })
// What is loaded lazily has its turn.
await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
await import('@aws-lambda-powertools/logger/middleware')
console.log(JSON.stringify({ atImport, withLogger: packages() }))
