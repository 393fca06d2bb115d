import { InvokeStore } from '@aws/lambda-invoke-store'

// As the runtime client does before it loads a handler.
await InvokeStore.getInstanceAsync('AWS_LAMBDA_MAX_CONCURRENCY' in process.env)

// Not by static imports: Jest runs what is CommonJS among them before the module that sets the environment.
export const { Logger } = await import('@aws-lambda-powertools/logger')
export const { Metrics, MetricUnit } = await import('@aws-lambda-powertools/metrics')
export const { Tracer } = await import('@aws-lambda-powertools/tracer')
export const { powertools } = await import('middy-managed-instances/powertools')
