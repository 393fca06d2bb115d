import middy from '@middy/core'
import type { Handler } from 'aws-lambda'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'

const answer = async (): Promise<string> => 'done'

export const bare: () => Promise<string> = answer

export const plain: Handler = middy().handler(answer) as Handler

export const ours: Handler = middy(managed()).use(workspace()).handler(answer) as unknown as Handler
