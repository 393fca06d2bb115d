import type postgres from 'postgres'
import { parserOf, serializerOf } from './arrays.ts'
import type { DriverOptions } from './driver-options.ts'

/** Asked for as values, since what renames columns would rename these. */
const arrayTypes = `
  SELECT element.oid, type.oid, element.typdelim FROM pg_catalog.pg_type type
  JOIN pg_catalog.pg_type element ON element.typarray = type.oid WHERE type.typcategory = 'A'`

/**
 * How arrays are read and written, which all connections of a worker share. As postgres.js asks each new connection for
 * it by itself, the worker ends by an unhandled rejection if that connection is lost just then.
 */
export class ArrayTypes {
  readonly #options: DriverOptions
  readonly #areWanted: boolean
  readonly #parameter: new () => postgres.Parameter
  #asking: Promise<void> | undefined

  /** @param root - has the options of all connections. */
  constructor(root: postgres.Sql) {
    this.#options = root.options as DriverOptions
    this.#parameter = root.json(null).constructor as new () => postgres.Parameter
    this.#areWanted = Boolean(root.options.fetch_types)
    root.options.fetch_types = false
  }

  /**
   * Asks over a new connection, since there may be new ones, or waits for one that asks; unless the configuration wants
   * nothing of array types.
   */
  async learn(connection: postgres.Sql): Promise<void> {
    if (!this.#areWanted) return
    while (this.#asking !== undefined) if (await succeeded(this.#asking)) return
    await this.#ask(connection)
  }

  async #ask(connection: postgres.Sql): Promise<void> {
    const asked = connection.unsafe(arrayTypes).values()
    this.#asking = asked.then((types) => {
      for (const [oid, array, delimiter] of types) this.#add(oid, array, delimiter)
    })
    try {
      await this.#asking
    } finally {
      this.#asking = undefined
    }
  }

  /** As postgres.js keeps them; what the configuration says of an array type itself stays. */
  #add(oid: number, array: number, delimiter: string): void {
    const { parsers, serializers, shared } = this.#options
    shared.typeArrayMap[oid] = array
    parsers[array] ??= parserOf(delimiter, parsers[oid])
    serializers[array] ??= serializerOf(delimiter, (element) => this.#serialize(oid, element))
  }

  #serialize(oid: number, element: unknown): unknown {
    const { serializers, transform } = this.#options
    // `sql.typed()`, `sql.json()`
    const given = element instanceof this.#parameter ? element.value : element
    const value = given === undefined ? transform.undefined : given
    if (value === undefined)
      throw Object.assign(new Error('An undefined element of an array is not allowed.'), { code: 'UNDEFINED_VALUE' })
    const serialize = serializers[oid]
    return value === null || serialize === undefined ? value : serialize(value)
  }
}

const succeeded = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )
