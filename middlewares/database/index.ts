export {
  type CloseOptions,
  type Database,
  type DescribeOptions,
  type Lease,
  LeaseReleasedError,
  type LeaseRequest,
  type LeaseTaker,
} from '../../src/database-adapter.ts'
export type { Credential, Credentials, Login } from './credentials.ts'
export { type DatabaseOptions, type Db, database } from './database.ts'
export { DatabaseBusyError, DatabaseClosedError, DatabaseConnectError, DriverMissingError } from './errors.ts'
export type { Leak } from './pool/leak.ts'
export type { Mapped, PoolOptions } from './pool/pool-options.ts'
export type { Reset } from './pool/restore.ts'
export { type AwsCredentials, type RdsIamOptions, rdsIam } from './rds-iam.ts'
