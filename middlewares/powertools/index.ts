export type { PowertoolsOptions } from './options.ts'
export { powertools } from './powertools.ts'
