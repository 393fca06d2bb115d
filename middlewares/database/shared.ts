export { type SharedClientOptions, sharedClient } from './shared/shared-client.ts'
