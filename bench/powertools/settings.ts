/** Where the contestants run: one request at a time, or as on Managed Instances, within the runtime client's store. */
export type Setting = 'classic' | 'managed instances'

export const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0'

const common = {
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
  LAMBDA_TASK_ROOT: '/var/task',
  // Powertools then writes by the global console, which can be silenced.
  POWERTOOLS_DEV: 'true',
  POWERTOOLS_METRICS_DISABLED: 'false',
  _HANDLER: 'index.handler',
}

/** The environment of a setting, to be set before the packages are loaded. */
export const environments: Readonly<Record<Setting, Readonly<Record<string, string>>>> = {
  classic: { ...common, AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand', _X_AMZN_TRACE_ID: traceHeader },
  'managed instances': {
    ...common,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
    AWS_LAMBDA_MAX_CONCURRENCY: '64',
  },
}
