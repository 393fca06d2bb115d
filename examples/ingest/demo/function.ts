import type { Context, S3Event } from 'aws-lambda'
import { handler as ingest } from '../handler.ts'
import type { Summary } from '../summary.ts'
import { overrun } from './overrun.ts'

/** What the demo deploys: the handler, and its zombie for the requests that are meant to overrun. */
export const handler = (event: S3Event, context: Context): Promise<Summary> => {
  const isOverrun = event.Records?.[0]?.s3.configurationId === 'overrun'
  return (isOverrun ? overrun : ingest)(event, context as never)
}
