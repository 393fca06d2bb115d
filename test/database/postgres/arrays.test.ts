import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { barrier, invoke, invokeConcurrently } from 'middy-managed-instances/testing'
import postgres from 'postgres'
import { ArrayTypes } from '../../../middlewares/database/postgres/array-types.ts'
import { failureOf, testServer } from '../support/server.ts'
import { configOf, handlerWith, type SharedOptions, sharedOn } from './support/shared.ts'
import { onceWritten, over } from './support/sockets.ts'

const server = testServer()

let alone: postgres.Sql

beforeAll(() => {
  alone = postgres({ ...configOf(server), max: 1 } as object)
})

afterAll(() => alone.end())

/** Runs one request on a database of its own. */
const inRequest = <R>(work: (sql: postgres.Sql) => R, options?: SharedOptions): Promise<Awaited<R>> =>
  invoke(handlerWith(sharedOn(server, options), work), undefined)

const column = async (sql: postgres.Sql, expression: string): Promise<unknown> =>
  (await sql.unsafe(`SELECT ${expression} AS read`))[0]?.['read']

describe('an array', () => {
  test.each([
    "'{}'::int[]",
    "'{1,-2,30}'::int[]",
    "'{{1,2},{3,4}}'::int[]",
    "'{{{a},{b}},{{c},{d}}}'::text[]",
    `ARRAY['', ' ', 'a b', 'a,b', 'a;b', '{a}', 'say "a"', '\\', E'line\\nline', 'null', 'é😀']`,
    `ARRAY[ARRAY['"', '\\"'], ARRAY['}', '{']]`,
    "'{t,f}'::bool[]",
    "'{1.50,NaN}'::numeric[]",
    "'{1.5,-2e10}'::float8[]",
    "'{9007199254740993}'::bigint[]",
    `ARRAY['{"a":[1,"}"]}', '[]', '"a"']::jsonb[]`,
    "ARRAY['\\x00ff', '\\x']::bytea[]",
    "'{2026-11-27 10:00+00}'::timestamptz[]",
    "'{(1,1),(0,0);(3,3),(2,2)}'::box[]",
    "'{11111111-2222-3333-4444-555555555555}'::uuid[]",
    `ARRAY[ROW(1, 'a,b')::pg_temp.pair, ROW(2, '"')::pg_temp.pair]`,
    "'1 2 3'::int2vector",
  ])('is read as postgres.js by itself reads it: %s', async (expression) => {
    const create = 'CREATE TYPE pg_temp.pair AS (a int, b text)'
    const read = async (sql: postgres.Sql): Promise<unknown> =>
      sql.begin(async (sql) => {
        await sql.unsafe(create)
        return column(sql as unknown as postgres.Sql, expression)
      })
    await alone.unsafe('DISCARD TEMP')
    const expected = await read(alone)
    expect(expected).toBeDefined()
    await expect(inRequest(read)).resolves.toEqual(expected)
  })

  test.each([
    ['NULL', 'ARRAY[1, NULL]::int[]', [1, null]],
    ['NULL, and the word', "ARRAY['NULL', NULL, 'null']", ['NULL', null, 'null']],
    [
      'bounds of its own',
      "'[0:1][-1:0]={{1,2},{3,4}}'::int[]",
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['a delimiter of its type', "'{a,b:c}'::parts[]", ['a,b', 'c']],
  ])('is read with %s', async (_name, expression, expected) => {
    await server.ask(`
      DROP TYPE IF EXISTS parts CASCADE;
      CREATE TYPE parts;
      CREATE FUNCTION parts_in(cstring) RETURNS parts LANGUAGE internal IMMUTABLE STRICT AS 'textin';
      CREATE FUNCTION parts_out(parts) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
      CREATE TYPE parts (INPUT = parts_in, OUTPUT = parts_out, LIKE = text, DELIMITER = ':')`)
    await expect(inRequest((sql) => column(sql, expression))).resolves.toEqual(expected)
  })

  test('is read with an element of 10 MB', async () => {
    const read = await inRequest((sql) => column(sql, `ARRAY[repeat('a"', 5000000), 'b']`))
    expect((read as string[]).map(({ length }) => length)).toEqual([10_000_000, 1])
  })

  const date = new Date('2026-11-27T10:00:00Z')
  const written: [string, (sql: postgres.Sql) => unknown][] = [
    ['int[]', () => [1, -2]],
    ['int[]', () => []],
    [
      'int[]',
      () => [
        [1, 2],
        [3, 4],
      ],
    ],
    ['int[]', () => [1, null]],
    ['int[]', () => '{1,2}'],
    ['text[]', () => ['', ' ', 'a,b', '{a}', 'say "a"', '\\', 'line\nline', 'NULL', 'é😀', null]],
    ['text[]', (sql) => sql.array(['a', 'b'])],
    ['text[]', (sql) => sql.array([])],
    ['bool[]', (sql) => sql.array([true, false])],
    ['bigint[]', (sql) => sql.array([9007199254740993n] as never)],
    ['timestamptz[]', (sql) => sql.array([date])],
    ['bytea[]', (sql) => sql.array([Buffer.from([0, 255]), Buffer.alloc(0)])],
    ['jsonb[]', (sql) => sql.array([sql.json({ a: [1, '}'] }), sql.json('"')] as never, 3802)],
    ['jsonb[]', (sql) => sql.array([{ a: 1 }] as never, 3802)],
    ['jsonb[]', (sql) => sql.array([{ a: 1 }, [1, 2]] as never, 3802)],
    ['box[]', () => ['(1,1),(0,0)', '(3,3),(2,2)']],
  ]
  test.each(written)('is written as postgres.js by itself writes it: %s (%#)', async (type, value) => {
    const write = async (sql: postgres.Sql): Promise<unknown> =>
      (await sql`SELECT (${value(sql) as never}::${sql.unsafe(type)})::text AS text`)[0]?.['text']
    const expected = await write(alone)
    expect(expected).toEqual(expect.any(String))
    await expect(inRequest(write)).resolves.toBe(expected)
  })

  test('is written with documents that have a type and a value', async () => {
    const documents = [{ type: 'a', value: 1 }, { type: 'b' }]
    await expect(
      inRequest(async (sql) => (await sql`SELECT ${documents as never}::jsonb[] AS read`)[0]?.['read']),
    ).resolves.toEqual(documents)
  })

  test.each([
    ['undefined', [1, undefined]],
    // biome-ignore lint/suspicious/noSparseArray: what is tested.
    ['a hole', [1, , 2]],
  ])('is refused with %s in it, unless the configuration has a value for that', async (_name, value) => {
    const write = async (sql: postgres.Sql): Promise<unknown> =>
      (await sql`SELECT ${value as never}::int[] AS read`)[0]?.['read']
    await inRequest(async (sql) => {
      expect(await failureOf(() => write(sql))).toMatchObject({ code: 'UNDEFINED_VALUE' })
      await expect(write(sql)).rejects.toThrow('undefined element of an array')
      await expect(column(sql, '1')).resolves.toBe(1)
    })
    const read = await inRequest(write, { config: { transform: { undefined: null } } })
    expect(read).toEqual(Array.from(value, (element) => element ?? null))
  })
})

describe('array types', () => {
  const tags = "'{a,b}'::text[]"

  test('are the ones of postgres.js by itself', async () => {
    const fresh = postgres({ ...configOf(server), max: 1 } as object)
    await column(fresh, '1')
    const kept = (sql: postgres.Sql): unknown => {
      const { shared, parsers, serializers } = sql.options as typeof sql.options & { shared: { typeArrayMap: object } }
      return { ...shared.typeArrayMap, parsers: Object.keys(parsers), serializers: Object.keys(serializers) }
    }
    await expect(
      inRequest(async (sql) => {
        await column(sql, '1')
        return kept(sql)
      }),
    ).resolves.toEqual(kept(fresh))
    await fresh.end()
  })

  test.each([0, 1, 2])('are asked for again if the connection that asks is lost: %i times', async (losses) => {
    let sockets = 0
    let asked = 0
    const opened = (socket: Socket): void => {
      sockets += 1
      onceWritten(socket, 'typcategory', () => {
        asked += 1
        if (asked <= losses) socket.destroy()
      })
    }
    const meet = barrier(4)
    const handler = handlerWith(sharedOn(server, { config: over(server, opened) }), (sql) =>
      sql.begin(async (sql) => {
        await meet()
        return column(sql as unknown as postgres.Sql, tags)
      }),
    )
    for (const result of await invokeConcurrently(handler, [1, 2, 3, 4]))
      expect(result).toMatchObject({ value: ['a', 'b'] })
    expect(sockets).toBe(4 + losses)
    expect(asked).toBeGreaterThan(losses)
  })

  test('that are new are known to the next connection', async () => {
    await server.ask("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('good', 'bad')")
    const db = sharedOn(server, { connections: 1, maxLifetime: 0 })
    const read = handlerWith(db, (sql) => column(sql, "ARRAY['good', 'bad']::mood[]"))
    await expect(invoke(read, undefined)).resolves.toEqual(['good', 'bad'])
    await server.ask("DROP TYPE IF EXISTS later; CREATE TYPE later AS ENUM ('a', 'b')")
    const readLater = handlerWith(db, (sql) => column(sql, "ARRAY['a', 'b']::later[]"))
    await expect(invoke(readLater, undefined)).resolves.toEqual(['a', 'b'])
  })

  test('are asked for by one that waits if the one that asks is lost', async () => {
    const types = new ArrayTypes(postgres())
    const asked = Promise.withResolvers<[number, number, string][]>()
    const asking = (answer: Promise<unknown>): postgres.Sql =>
      ({ unsafe: () => ({ values: () => answer }) }) as unknown as postgres.Sql
    const lost = failureOf(() => types.learn(asking(asked.promise)))
    const waiting = types.learn(asking(Promise.resolve([[25, 1009, ',']])))
    asked.reject(new Error('lost'))
    await expect(lost).resolves.toMatchObject({ message: 'lost' })
    await expect(waiting).resolves.toBeUndefined()
  })

  test('are not asked for with fetch_types: false', async () => {
    await expect(inRequest((sql) => column(sql, tags), { config: { fetch_types: false } })).resolves.toBe('{a,b}')
  })

  test('leave one that the configuration has', async () => {
    const types = { list: { to: 1009, from: [1009], serialize: String, parse: (text: string) => `a list: ${text}` } }
    await expect(inRequest((sql) => column(sql, tags), { config: { types } })).resolves.toBe('a list: {a,b}')
  })

  test('are understood whatever makes something else of rows', async () => {
    const row = (row: object): object => Object.fromEntries(Object.entries({ ...row, seen: true }))
    const read = inRequest((sql) => sql.unsafe(`SELECT ${tags} AS tags`), { config: { transform: { row } } })
    await expect(read).resolves.toMatchObject([{ tags: ['a', 'b'], seen: true }])
  })

  test('are understood whatever renames columns', async () => {
    const read = inRequest((sql) => sql.unsafe(`SELECT ${tags} AS all_tags`), {
      config: { transform: postgres.pascal },
    })
    await expect(read).resolves.toMatchObject([{ AllTags: ['a', 'b'] }])
  })

  test('keep nobody longer than connectTimeout if they are not told', async () => {
    let silent = true
    const opened = (socket: Socket): void => onceWritten(socket, 'typcategory', () => silent && socket.pause())
    const db = sharedOn(server, {
      connections: 1,
      connectTimeout: 100,
      acquireTimeout: 350,
      config: over(server, opened),
    })
    const handler = handlerWith(db, (sql) => column(sql, tags))
    expect(await failureOf(() => invoke(handler, undefined))).toMatchObject({
      code: 'DATABASE_CONNECT',
      message: expect.stringContaining('no answer within 0.1 s'),
    })
    silent = false
    await expect(invoke(handler, undefined)).resolves.toEqual(['a', 'b'])
  })
})
