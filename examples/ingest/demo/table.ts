import { styleText } from 'node:util'
import type { Figures } from './figures.ts'
import { type Ending, mix } from './mix.ts'
import type { Report } from './report.ts'
import { concurrency, workers } from './run.ts'

/** A cell is good or bad news, or neither. */
interface Cell {
  readonly text: string
  readonly mood?: 'good' | 'bad'
}

type Row = readonly [label: string, managed: Cell, naive: Cell] | 'rule'

const labelWidth = 46
const cellWidth = 18

/** The table at the end of the demo: our handler beside its naive twin. */
export const tableOf = ({ parameterCalls, naive, ...managed }: Report): string => {
  const compare = (label: string, cell: (figures: Figures) => Cell): Row => [label, cell(managed), cell(naive)]
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
    compare('requests a second', ({ throughput }) => ({ text: whole(throughput) })),
    compare('a summary takes, p50', ({ p50 }) => ({ text: `${whole(p50)} ms` })),
    compare('a summary takes, p99', ({ p99 }) => ({ text: `${whole(p99)} ms` })),
    compare('peak in flight in one worker', (figures) => ({ text: whole(figures.peakInFlightPerWorker) })),
    ['calls for the parameters of all requests', { text: whole(parameterCalls) }, { text: '-' }],
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
  ({ endings }: Figures): Cell => {
    const seen = endings[ending]
    if (seen === undefined) return { text: '-' }
    return {
      text: `${whole(seen.rightAnswers)} of ${whole(seen.requests)}`,
      mood: seen.rightAnswers === seen.requests ? 'good' : 'bad',
    }
  }

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
