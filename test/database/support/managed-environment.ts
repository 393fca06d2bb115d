// To be imported first: the package reads the environment when it is loaded.
Object.assign(process.env, {
  AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
  AWS_LAMBDA_NODEJS_WORKER_COUNT: '1',
})
