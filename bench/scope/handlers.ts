import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { workspace } from 'middy-managed-instances/workspace'

export type HandlerName = 'middy' | 'managed' | 'managed+workspace' | 'middy+workspace'

type Handler = (event: unknown, context: object) => Promise<unknown>

const answer = async (): Promise<string> => 'done'

/** Makes the one handler that an isolate measures. */
export const makeHandler = (name: HandlerName): Handler => {
  switch (name) {
    case 'middy':
      return middy().handler(answer) as unknown as Handler
    case 'managed':
      return middy(managed()).handler(answer) as unknown as Handler
    case 'managed+workspace':
      return middy(managed()).use(workspace()).handler(answer) as unknown as Handler
    case 'middy+workspace':
      return middy().use(workspace()).handler(answer) as unknown as Handler
    default:
      return name satisfies never
  }
}
