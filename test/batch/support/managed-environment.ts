// To be imported first: the packages read the environment when they are loaded.
Object.assign(process.env, {
  AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
  AWS_LAMBDA_MAX_CONCURRENCY: '64',
})
