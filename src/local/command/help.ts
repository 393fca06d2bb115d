const shared = `  --workers N          worker threads of the environment (default 8)
  --concurrency N      invocations at once (default 64)
  --timeout MS         time one invocation is given (default 30000)
  --init-timeout MS    time in which all workers must be ready (default 60000)
  --env NAME=VALUE     a variable for the function; may be repeated
  --node PATH          the Node.js that runs the function (default: this one)
  --logs               print the function's log lines on stderr
  --help               this text`

export const help: Readonly<Record<string, string>> = {
  lmi: `lmi runs a handler on AWS's own runtime client with the concurrency of Lambda Managed Instances.

Usage:
  lmi run FILE.handler [options]      drive it with many requests and report
  lmi serve FILE.handler [options]    answer the AWS SDK's Invoke on a local port

  lmi run --help, lmi serve --help    the options
  lmi --version                       the version

FILE is the handler's file, with or without its extension; TypeScript runs as it is.
`,
  run: `Usage: lmi run FILE.handler [options]

Sends requests to the handler and reports throughput, latency, errors, unanswered requests and leaked directories.
Ends with exit code 1 when a request failed or was not answered, or a directory leaked.

  --event FILE         the event as JSON; the items of an array are taken in turn (default {})
  --requests N         how many (default 1000)
  --expect-error TYPE  an error type that counts as success; may be repeated
  --root DIR           where leaked directories are looked for (default: middy-managed-instances in the run's own TMPDIR)
  --settle MS          time after the last answer in which directories may still go (default 5000)
  --json               print the report as one line of JSON on stdout
${shared}
`,
  serve: `Usage: lmi serve FILE.handler [options]

Answers Invoke and InvokeWithResponseStream for any function name, for example:
  aws lambda invoke --endpoint-url http://127.0.0.1:9000 --function-name local --payload '{}' out.json
  curl -d '{}' http://127.0.0.1:9000/2015-03-31/functions/local/invocations

  --port N             port; 0 takes a free one (default 9000)
  --host ADDRESS       address (default 127.0.0.1)
${shared}
`,
}
