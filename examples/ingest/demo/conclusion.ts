import type { FunctionFigures, Report } from './report.ts'
import { whole } from './table.ts'

/** What the table shows, in words. */
export const conclude = (report: Report): string =>
  [...concludeManaged(report), ...concludeNaive(report.naive)].join('\n')

/** UDP promises no arrival: on a machine that is busy a few segments may be lost, and that is nobody's fault. */
const lossAllowed = 0.01

/** What is not as it must be; nothing if every answer was right and nothing was left behind. */
const findFaults = (report: Report): readonly string[] => {
  const { requests, rightAnswers, leakedWorkspaces, leakedFiles, database, idempotency, traces, metrics } = report
  const { refused, replayed, duplicates, executedTwice } = idempotency
  const isRight: Readonly<Record<string, boolean>> = {
    answers: rightAnswers === requests,
    '/tmp': leakedWorkspaces + leakedFiles === 0,
    'rows in the database': database.filesComplete === database.filesExpected && database.filesWrong === 0,
    'database connections':
      database.connectionsUsed <= database.connectionBudget && database.leaks + database.idleInTransaction === 0,
    duplicates: refused + replayed === duplicates && executedTwice === 0,
    traces: traces.wrong === 0 && traces.received >= traces.expected * (1 - lossAllowed),
    metrics: metrics.requests === metrics.expected,
  }
  return Object.keys(isRight).filter((what) => !isRight[what])
}

/** Whether everything is as it must be. */
export const isClean = (report: Report): boolean => findFaults(report).length === 0

const concludeManaged = (report: Report): string[] => {
  const faults = findFaults(report)
  if (faults.length > 0) {
    const wrong = `  Something is wrong with managed(): ${faults.join(', ')}. The first answers that were not right:`
    return [wrong, ...report.wrongAnswers.map((line) => `    ${line}`)]
  }
  return [
    `  With managed() each of the ${whole(report.requests)} requests had its own files, transaction and trace, each upload was loaded`,
    '  once, all of it or nothing, and nothing is left in /tmp.',
  ]
}

const concludeNaive = ({ requests, rightAnswers, foreignReads, tornReads, database }: FunctionFigures): string[] => {
  const wrong = `${whole(requests - rightAnswers)} of its ${whole(requests)} requests`
  const silent = whole(foreignReads + tornReads)
  const complete = `${whole(database.filesComplete)} of ${whole(database.filesExpected)} uploads`
  return [
    `  The naive twin has one file name and one database client for all: ${wrong} went wrong, ${silent} of them`,
    `  without any error, with a summary of data that was not theirs, and ${complete} are as they should be in its`,
    '  database. Its times say little: such work ends early.',
  ]
}
