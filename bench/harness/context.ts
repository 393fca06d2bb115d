const headers = {
  invokedFunctionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:bench',
  awsRequestId: '8e4c8e3a-53b2-4b4e-a5f4-2c1c4a6e7d31',
  tenantId: undefined,
  xRayTraceId: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0',
}

const environment = {
  functionName: 'bench',
  functionVersion: '$LATEST',
  memoryLimitInMB: '2048',
  logGroupName: '/aws/lambda/bench',
  logStreamName: '2026/01/01/[$LATEST]0123456789abcdef',
}

/**
 * A context as `aws-lambda-ric` 4.0.2 makes one for each request, with a deadline in 30 seconds.
 *
 * {@link https://github.com/aws/aws-lambda-nodejs-runtime-interface-client | Source}
 */
export const clientContext = (): object => {
  const deadline = Date.now() + 30_000
  const ofHeaders = {
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: headers.invokedFunctionArn,
    awsRequestId: headers.awsRequestId,
    tenantId: headers.tenantId,
    xRayTraceId: headers.xRayTraceId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  }
  return Object.assign(ofHeaders, environment)
}
