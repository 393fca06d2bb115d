import { styleText } from 'node:util'
import { type Ending, mix } from './mix.ts'
import type { FunctionFigures, Report } from './report.ts'
import { concurrency, workers } from './run.ts'

/** A cell is good or bad news, or neither. */
interface Cell {
  readonly text: string
  readonly mood?: 'good' | 'bad'
}

type Row = readonly [label: string, managed: Cell, naive: Cell] | 'rule'

const labelWidth = 50
const cellWidth = 24

/** The table at the end of the demo: our handler beside its naive twin. */
export const tableOf = ({ parameterCalls, traces, metrics, naive, ...managed }: Report): string => {
  const compare = (label: string, cell: (figures: FunctionFigures) => Cell): Row => [label, cell(managed), cell(naive)]
  const ours = (label: string, cell: Cell): Row => [label, cell, { text: '-' }]
  const rows: Row[] = [
    [`${workers} workers, ${concurrency} requests at once`, { text: 'with managed()' }, { text: 'naive twin' }],
    'rule',
    compare('requests', ({ requests }) => ({ text: whole(requests) })),
    compare('right answers', ({ rightAnswers, requests }) => ({
      text: `${whole(rightAnswers)} (${percent(rightAnswers / requests)})`,
      mood: rightAnswers === requests ? 'good' : 'bad',
    })),
    ...(Object.keys(mix) as Ending[]).map((ending) => compare(`  ${descriptions[ending]}`, endingCell(ending))),
    'rule',
    compare("foreign reads: another upload's data", (figures) => shouldBeNone(figures.foreignReads)),
    compare('torn reads: data no upload ever had', (figures) => shouldBeNone(figures.tornReads)),
    compare('other wrong answers and errors', (figures) => shouldBeNone(figures.unexpectedErrors)),
    compare('unanswered', (figures) => shouldBeNone(figures.unanswered)),
    compare('directories left in /tmp', (figures) => shouldBeNone(figures.leakedWorkspaces)),
    compare('files left in /tmp', (figures) => shouldBeNone(figures.leakedFiles)),
    'rule',
    compare('uploads that are whole in the database', ({ database }) =>
      share(database.filesComplete, database.filesExpected),
    ),
    compare('uploads that are partial, double or uncalled-for', ({ database }) => shouldBeNone(database.filesWrong)),
    compare('rows, of those in the data sets', ({ database }) => share(database.rowsFound, database.rowsExpected)),
    compare('database connections used, of the budget', ({ database }) => ({
      text: `${whole(database.connectionsUsed)} of ${whole(database.connectionBudget)}`,
    })),
    compare('transactions still open at the end', ({ database }) => shouldBeNone(database.idleInTransaction)),
    ours('leaks found on database clients', shouldBeNone(managed.database.leaks)),
    ours('transactions rolled back when a request threw', { text: whole(managed.database.rolledBack) }),
    'rule',
    compare('duplicates refused or given the stored result', ({ idempotency }) =>
      share(idempotency.refused + idempotency.replayed, idempotency.duplicates),
    ),
    compare('uploads that were loaded more than once', ({ idempotency }) => shouldBeNone(idempotency.executedTwice)),
    ours('traces received, by UDP', share(traces.received, traces.expected)),
    ours('segments under a wrong trace or parent', shouldBeNone(traces.wrong)),
    ours('requests with a blob of metrics of their own', share(metrics.requests, metrics.expected)),
    'rule',
    compare('requests a second', ({ throughput }) => ({ text: whole(throughput) })),
    compare('a summary takes, p50', ({ p50 }) => ({ text: `${whole(p50)} ms` })),
    compare('a summary takes, p99', ({ p99 }) => ({ text: `${whole(p99)} ms` })),
    compare('peak in flight in one worker', (figures) => ({ text: whole(figures.peakInFlightPerWorker) })),
    ours('calls for the parameters of all requests', { text: whole(parameterCalls) }),
  ]
  return rows.map(line).join('\n')
}

const descriptions: Readonly<Record<Ending, string>> = {
  summary: 'a summary of the file',
  warmup: 'an early response of @middy/warmup',
  'broken file': 'an error: the file is broken',
  'missing file': 'an error: the file is missing',
  'timed out': 'a timeout that stops the download',
  'timed out, still writing': 'a timeout, the handler still writing',
  'streamed file': 'a file streamed back',
}

const endingCell =
  (ending: Ending) =>
  ({ endings }: FunctionFigures): Cell => {
    const seen = endings[ending]
    return seen === undefined ? { text: '-' } : share(seen.rightAnswers, seen.requests)
  }

const share = (count: number, of: number): Cell => ({
  text: `${whole(count)} of ${whole(of)}`,
  mood: count === of ? 'good' : 'bad',
})

const shouldBeNone = (count: number): Cell => ({ text: whole(count), mood: count === 0 ? 'good' : 'bad' })

const line = (row: Row): string => {
  if (row === 'rule') return `  ${'─'.repeat(labelWidth + 2 * cellWidth)}`
  const [label, managed, naive] = row
  return `  ${label.padEnd(labelWidth)}${paint(managed)}${paint(naive)}`
}

const paint = ({ text, mood }: Cell): string => {
  const padded = text.padStart(cellWidth)
  return mood === undefined ? padded : styleText(mood === 'good' ? 'green' : 'red', padded)
}

/** A number as a person writes it. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')

const percent = (share: number): string => `${share === 1 ? 100 : Math.min(99.9, share * 100).toFixed(1)}%`
