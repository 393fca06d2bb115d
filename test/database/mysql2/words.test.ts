import { describe, expect, test } from '@jest/globals'
import { traceOf } from '../../../middlewares/database/mysql2/session.ts'

const texts: Record<'none' | 'resettable' | 'lasting', readonly string[]> = {
  none: [
    'SELECT 1',
    'UPDATE t SET a = 1',
    'UPDATE t\nSET a = 1',
    'INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2',
    'START TRANSACTION; COMMIT',
    'begin',
    'SET STATEMENT max_statement_time = 1 FOR SELECT 1',
    'SELECT offset, settled, used, locked_at FROM t',
    'SELECT /*+ MAX_EXECUTION_TIME(5) */ 1',
    'CREATE TABLE temporary_things (id int)',
    'SELECT a INTO OUTFILE "b" FROM t',
    'SELECT @a',
    'SAVEPOINT a; RELEASE SAVEPOINT a',
    'SELECT RELEASE_LOCK("a")',
    'SELECT a FROM t FOR UPDATE',
    'UNLOCK TABLES',
    '',
  ],
  resettable: [
    'SET @a = 1',
    'set\tsession sql_mode = ""',
    'SET NAMES latin1',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SELECT 1; SET ROLE a',
    '  -- why\n  SET ROLE a',
    '# why\nSET ROLE a',
    '/* a */ /* b */ SET ROLE a',
    '/*!40101 SET NAMES utf8 */',
    '/*M!100100 SET @a = 1 */',
    'USE other',
    'LOCK TABLES t WRITE',
    'FLUSH TABLES WITH READ LOCK',
    'HANDLER t OPEN',
    'CALL a()',
    'DO GET_LOCK("a", 1)',
    'select get_lock ("a", 1)',
    'SELECT @a := 1',
    'SELECT 1 INTO @a',
    'LOAD DATA INFILE "a" INTO TABLE t (@a)',
    'PREPARE a FROM "SELECT 1"',
    'EXECUTE IMMEDIATE "SELECT 1"',
    'BEGIN NOT ATOMIC SET @a = 1; END',
    'CREATE TEMPORARY TABLE a (id int)',
    'create or replace temporary table a (id int)',
  ],
  lasting: ["XA START 'a'", "SELECT 1; xa start 'a'"],
}

describe.each(Object.entries(texts))('a trace that is %s is left by', (trace, examples) => {
  test.each(examples)('%s', (text) => {
    expect(traceOf(text)).toBe(trace)
  })
})
