export { type Idempotency, type IdempotencyOptions, idempotency } from './idempotency.ts'
