import { styleText } from 'node:util'
import { type Figure, isMet } from './figure.ts'

const number = (value: number): string => {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

const compared = ({ compared, value, unit }: Figure): string => {
  switch (compared) {
    case 'extra':
      return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)} ${unit}`
    case 'ratio':
      return `${value.toFixed(2)} x`
    default:
      return compared satisfies never
  }
}

const verdict = (figure: Figure): string => {
  const met = isMet(figure)
  if (met === undefined) return ''
  return met ? styleText('green', 'met') : styleText('red', 'missed')
}

const row = (figure: Figure): string[] => [
  figure.name,
  `${number(figure.ours)} ${figure.unit}`,
  `${number(figure.peer)} ${figure.unit}`,
  compared(figure),
  figure.goal === undefined ? '' : `${figure.goal.relation} ${figure.goal.value}`,
]

/** The figures as lines for a reader: names on the left, numbers aligned on the right, the verdict last. */
export const table = (figures: readonly Figure[]): string => {
  const rows = [['', 'ours', 'peer', 'compared', 'goal'], ...figures.map(row)]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  const lines = rows.map((cells, index) => {
    const aligned = cells.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    const figure = figures[index - 1]
    return `  ${aligned.join('  ')}  ${figure === undefined ? '' : verdict(figure)}`.trimEnd()
  })
  return lines.join('\n')
}
