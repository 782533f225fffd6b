import stringWidth from 'string-width'
import { escapeText } from '../base/escape.ts'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Rows as lines with aligned columns, in cells of a terminal. What would steer it is escaped. */
export function table(cells: readonly (readonly string[])[]): readonly string[] {
  const rows = escaped(cells)
  const widths = widthsOf(rows)
  return rows.map((row) =>
    row
      .map((cell, index) => padded(cell, widths[index]!))
      .join('  ')
      .trimEnd(),
  )
}

/**
 * The same within `columns` cells: the widest column gives way until it fits, and what is cut off is marked. The
 * first column, which says what a row is about, gives way last.
 */
export function fittedTable(cells: readonly (readonly string[])[], columns: number): readonly string[] {
  const rows = escaped(cells)
  const widths = widthsOf(rows)
  const over = (): number => widths.reduce((sum, width) => sum + width + 2, -2) - columns
  while (over() > 0) {
    const rest = widths.length > 1 ? widths.slice(1) : widths
    const widest = Math.max(...rest)
    if (widest <= LEAST) break
    const at = widths.lastIndexOf(widest) || (widths.length > 1 ? widths.indexOf(widest, 1) : 0)
    widths[at] = Math.max(LEAST, widest - over(), secondOf(rest))
    if (widths[at] === widest) widths[at] = widest - 1
  }
  return rows.map((row) =>
    fitted(
      row
        .map((cell, index) => padded(fitted(cell, widths[index]!), widths[index]!))
        .join('  ')
        .trimEnd(),
      columns,
    ),
  )
}

/** How many cells a table of these takes. */
export function widthOf(cells: readonly (readonly string[])[]): number {
  return widthsOf(escaped(cells)).reduce((sum, width) => sum + width + 2, -2)
}

/** Narrowest that a column is made. */
const LEAST = 6

/** `text` in at most `width` cells; what is cut off leaves an ellipsis. */
export function fitted(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  let cells = 1
  for (const { segment } of segmenter.segment(text)) {
    cells += stringWidth(segment)
    if (cells > width) break
    kept += segment
  }
  return width < 1 ? '' : `${kept}…`
}

/** A text as lines of at most `width` cells, broken between words where that can be. */
export function wrapped(text: string, width: number): readonly string[] {
  if (stringWidth(text) <= width) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (stringWidth(longer) <= width || line === '') line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/** How full something is: "[######....]". */
export function bar(part: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, part)) * width)
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}

function escaped(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return rows.map((row) => row.map(escapeText))
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)))
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, stringWidth(cell))
  return widths
}

function secondOf(widths: readonly number[]): number {
  return widths.toSorted((a, b) => b - a)[1] ?? 0
}
