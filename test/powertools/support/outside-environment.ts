// To be imported first: the packages read the environment when they are loaded. It is that of a test which plays Managed Instances.
delete process.env['LAMBDA_TASK_ROOT']
Object.assign(process.env, {
  AWS_LAMBDA_MAX_CONCURRENCY: '64',
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR',
  POWERTOOLS_DEV: 'true',
})
