import type pg from 'pg'

const insert = 'INSERT INTO rows (file, cells) SELECT $1, json_array_elements($2)'

/** Adds rows of a file, in the transaction that is open on the client. */
export const insertRows = async (client: pg.ClientBase, file: string, rows: readonly string[][]): Promise<void> => {
  await client.query(insert, [file, JSON.stringify(rows)])
}
