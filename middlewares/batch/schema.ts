import { ParsingError } from '@aws-lambda-powertools/batch'
import type { Rule } from '../../src/options.ts'

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type Result<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

/**
 * A schema of Zod, Valibot, ArkType or any other library that speaks {@link https://standardschema.dev | Standard Schema},
 * which makes an `Output` of a record. It may be asynchronous.
 */
export interface RecordSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export const aSchema: Rule = {
  expected: 'a Standard Schema, as of Zod, Valibot or ArkType',
  // Those of ArkType are functions.
  accepts: (value) => typeof (value as RecordSchema | null | undefined)?.['~standard']?.validate === 'function',
}

const place = ({ path = [] }: Issue): string =>
  path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')

/** What the schema makes of a record. @throws ParsingError of Powertools that lists every issue. */
export const parseRecord = async (schema: RecordSchema, record: unknown): Promise<unknown> => {
  const result = await schema['~standard'].validate(record)
  if (result.issues === undefined) return result.value
  const issues = result.issues.map((issue) => `${place(issue) || 'record'}: ${issue.message}`)
  throw new ParsingError(
    `batch(): the record is not what the schema asks for (${issues.join('; ')}), so it is reported as failed. ` +
      'Correct its sender or the schema, and give the queue or stream a destination for records that keep failing.',
  )
}
