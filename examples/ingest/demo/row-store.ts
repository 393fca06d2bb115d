import pg from 'pg'
import { type Postgres, startPostgres } from '../../backend/postgres.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { type DataSet, type DataSetName, placeholder } from './data-sets.ts'

export type DatabaseName = 'ingest' | 'naive'

/** What the tables hold, beside what they should. */
export interface RowFigures {
  readonly filesExpected: number
  /** Files with all their rows, each as it is in the data set, and each once. */
  readonly filesComplete: number
  /** Files with some of their rows, or more than theirs, and those that should not be there. */
  readonly filesWrong: number
  readonly rowsExpected: number
  readonly rowsFound: number
}

interface Content {
  readonly name: string
  readonly rows: number
  /** The sum of the rows' hashes, so that their order does not matter. */
  readonly checksum: string
}

// Nothing here has to survive a crash, and nothing is ever updated.
const createTables = `
  CREATE UNLOGGED TABLE rows (file text, cells json) WITH (autovacuum_enabled = false);
  CREATE TABLE data_sets (name text, cells json)`

const contentOf = (table: string, name: string): string => `
  SELECT ${name} AS name, count(*)::int AS rows,
    sum(hashtextextended(replace(cells::text, ${name}, '${placeholder}'), 0))::text AS checksum
  FROM ${table} GROUP BY ${name}`

/** A real PostgreSQL, with a database for each way to write the function. */
export class RowStore {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  /** The secret that the function gets its login from. */
  get login(): string {
    const { user, password } = this.#postgres
    return JSON.stringify({ username: user, password })
  }

  /** The environment variables by which a function finds its database; the naive one has its login from there as well. */
  env(database: DatabaseName): Record<string, string> {
    const { host, port, user, password } = this.#postgres
    const server = { PGHOST: host, PGPORT: `${port}`, PGDATABASE: database }
    return database === 'naive' ? { ...server, PGUSER: user, PGPASSWORD: password } : server
  }

  /** Begins to count the connections to one of the databases. */
  async watch(database: DatabaseName): Promise<ConnectionWatch> {
    return new ConnectionWatch(await this.#connect('postgres'), database)
  }

  /** Has the data sets in each database, to compare with what is loaded. */
  async prepare(dataSets: ReadonlyMap<DataSetName, DataSet>): Promise<void> {
    const admin = await this.#connect('postgres')
    await admin.query('CREATE DATABASE ingest')
    const client = await this.#connect('ingest')
    await client.query(createTables)
    for (const [name, { rows }] of dataSets)
      await client.query('INSERT INTO data_sets SELECT $1, json_array_elements($2)', [name, JSON.stringify(rows)])
    await client.end()
    await admin.query('CREATE DATABASE naive TEMPLATE ingest')
    await admin.end()
  }

  /** Compares all rows of a database with the data sets; `files` are those that must be there. */
  async check(database: DatabaseName, files: ReadonlyMap<string, DataSetName>): Promise<RowFigures> {
    const client = await this.#connect(database)
    const { rows: found } = await client.query<Content>(contentOf('rows', 'file'))
    const { rows: dataSets } = await client.query<Content>(contentOf('data_sets', 'name'))
    await client.end()
    const originals = new Map(dataSets.map((content) => [content.name, content]))
    const isComplete = ({ name, rows, checksum }: Content): boolean => {
      const original = originals.get(files.get(name) ?? '')
      return rows === original?.rows && checksum === original.checksum
    }
    const complete = found.filter(isComplete)
    return {
      filesExpected: files.size,
      filesComplete: complete.length,
      filesWrong: found.length - complete.length,
      rowsExpected: [...files.values()].reduce((sum, name) => sum + (originals.get(name)?.rows ?? 0), 0),
      rowsFound: found.reduce((sum, { rows }) => sum + rows, 0),
    }
  }

  stop(): Promise<void> {
    return this.#postgres.stop()
  }

  async #connect(database: string): Promise<pg.Client> {
    const { host, port, user, password } = this.#postgres
    const client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    return client
  }
}

export const startRowStore = async (): Promise<RowStore> => new RowStore(await startPostgres())
