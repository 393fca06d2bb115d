import type { Figures } from './figures.ts'
import { whole } from './table.ts'

/** What the table shows, in words. */
export const conclude = (managed: Figures, naive: Figures): string =>
  [...concludeManaged(managed), ...concludeNaive(naive)].join('\n')

/** Whether every answer was right and nothing was left behind. */
export const isClean = ({ requests, rightAnswers, leakedWorkspaces, leakedFiles }: Figures): boolean =>
  rightAnswers === requests && leakedWorkspaces === 0 && leakedFiles === 0

const concludeManaged = (figures: Figures): string[] => {
  if (isClean(figures)) {
    return [
      `  With managed() each of the ${whole(figures.requests)} requests had its own files, and none are left in /tmp.`,
    ]
  }
  return ['  Something is wrong with managed(). The first answers that were not right:', ...list(figures.wrongAnswers)]
}

const concludeNaive = ({ requests, rightAnswers, foreignReads, tornReads }: Figures): string[] => {
  const wrong = `${whole(requests - rightAnswers)} of its ${whole(requests)} requests`
  const silent = whole(foreignReads + tornReads)
  return [
    `  The naive twin has one file name for all: ${wrong} went wrong, ${silent} of them without`,
    '  any error, with a summary of data that was not theirs. Its times say little: such work ends early.',
  ]
}

const list = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`)
