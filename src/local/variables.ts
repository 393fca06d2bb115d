import type { HandlerFile } from './handler-file.ts'
import { type Configuration, configurationVariable, logSocketName } from './inside/configuration.ts'
import type { ResolvedOptions } from './options.ts'

// The caller's flags are not the environment's, nor is a Lambda function's own identity when the caller runs in one.
const notInherited =
  /^(?:NODE_OPTIONS|NODE_CHANNEL_.*|NODE_UNIQUE_ID|JEST_WORKER_ID|AWS_LAMBDA_.*|AWS_EXECUTION_ENV|_LAMBDA_.*|_HANDLER)$/

/** The environment's variables: this process's own, Lambda's, and the caller's, the later ones winning. */
export function environmentVariables(
  options: ResolvedOptions,
  handler: HandlerFile,
  configuration: Configuration,
  tmp: string | undefined,
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !notInherited.test(name))
  const region = regionOf(options)
  const variables: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    AWS_LAMBDA_FUNCTION_NAME: options.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memorySize),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
    AWS_LAMBDA_LOG_FORMAT: 'JSON',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_LAMBDA_MAX_CONCURRENCY: String(options.concurrency),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    TZ: ':UTC',
    ...options.env,
    ...(tmp !== undefined && { TMPDIR: tmp }),
    AWS_LAMBDA_NODEJS_WORKER_COUNT: String(options.workers),
    AWS_LAMBDA_RUNTIME_API: `${configuration.host}:${configuration.port}`,
    LAMBDA_TASK_ROOT: handler.taskRoot,
    _HANDLER: handler.handler,
    [configurationVariable]: JSON.stringify(configuration),
  }
  // Windows gives no file descriptor for a socket: there the client keeps writing its lines to stdout.
  if (process.platform !== 'win32') variables['_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET'] = logSocketName
  const flags = [variables['NODE_OPTIONS'], ...options.nodeOptions.map(quote)].filter(
    (flag) => flag !== undefined && flag !== '',
  )
  if (flags.length > 0) variables['NODE_OPTIONS'] = flags.join(' ')
  return variables
}

export function regionOf({ env }: Pick<ResolvedOptions, 'env'>): string {
  return env['AWS_REGION'] ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1'
}

// https://nodejs.org/api/cli.html#node_optionsoptions
function quote(flag: string): string {
  return /[\s"]/.test(flag) ? `"${flag.replaceAll(/["\\]/g, '\\$&')}"` : flag
}
