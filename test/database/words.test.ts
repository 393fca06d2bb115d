import { describe, expect, test } from '@jest/globals'
import { traceOf } from '../../middlewares/database/pg/session.ts'

const texts: Record<'none' | 'resettable' | 'lasting', readonly string[]> = {
  none: [
    'SELECT 1',
    'UPDATE t SET a = 1',
    'UPDATE t\nSET a = 1',
    'INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1',
    'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING',
    'SET LOCAL search_path TO a',
    'begin; set local role a; commit',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET CONSTRAINTS ALL DEFERRED',
    'SELECT pg_advisory_xact_lock(1)',
    'SELECT temp, temperature FROM weather',
    'SELECT offset, settled, reset_at, listened FROM t',
    'CREATE TABLE temporary_things (id int)',
    'PREPARE TRANSACTION',
    "PREPARE TRANSACTION 'a'",
    'SAVEPOINT a; RELEASE a',
    'COPY t FROM STDIN',
    '',
  ],
  resettable: [
    'SET search_path TO a',
    'SET SESSION AUTHORIZATION a',
    'set\tsession work_mem = 1',
    'SELECT 1; SET ROLE a',
    '  -- why\n  SET ROLE a',
    '/* a */ /* b */ SET ROLE a',
    'RESET ALL',
    'LISTEN a',
    'DECLARE a CURSOR WITH HOLD FOR SELECT 1',
    'DO $$ BEGIN END $$',
    'CALL a()',
    'DISCARD TEMP',
    "select Set_Config('a', 'b', false)",
    'SELECT pg_advisory_lock(1)',
    'SELECT pg_advisory_lock_shared(1)',
    'SELECT pg_try_advisory_lock(1)',
    'CREATE TEMP TABLE a (id int)',
    'create local temporary table a (id int)',
    'CREATE TEMP VIEW a AS SELECT 1',
    'CREATE OR REPLACE TEMP VIEW a AS SELECT 1',
    'SELECT 1 INTO TEMPORARY a',
    'INSERT INTO pg_temp.a VALUES (1)',
  ],
  lasting: [
    'PREPARE a AS SELECT 1',
    "LOAD 'auto_explain'",
    'SELECT 1; prepare a as select 1',
    'DEALLOCATE a',
    'discard  all',
    "SELECT dblink_connect('a', 'dbname=b')",
  ],
}

describe.each(Object.entries(texts))('a trace that is %s is left by', (trace, examples) => {
  test.each(examples)('%s', (text) => {
    expect(traceOf(text)).toBe(trace)
    // As it is kept.
    expect(traceOf(text)).toBe(trace)
  })
})

test('a long text and a thousand others are judged as well', () => {
  const long = `INSERT INTO t VALUES ${'(1),'.repeat(10_000)}(1)`
  expect(traceOf(long)).toBe('none')
  expect(traceOf(`${long}; SET ROLE a`)).toBe('resettable')
  for (let index = 0; index < 2_500; index++) expect(traceOf(`SELECT ${index}`)).toBe('none')
  expect(traceOf('SET ROLE a')).toBe('resettable')
})
