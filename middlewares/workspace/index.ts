export { WorkspaceFullError, WorkspacePathError, WorkspaceRootError } from './errors.ts'
export type { WorkspaceUsage } from './usage.ts'
export { type Workspace, type WorkspaceOptions, workspace } from './workspace.ts'
