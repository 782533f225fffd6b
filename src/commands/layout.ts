import stringWidth from 'string-width'

/** A sentence over as many lines as a terminal of `columns` needs, cut between words; what follows the first line is indented. */
export function wrapped(text: string, columns = 80, indent = ''): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns, indent))
    .join('\n')
}

function wrapLine(text: string, columns: number, indent: string): string {
  if (stringWidth(text) < columns) return text
  const lines: string[] = []
  let line = /^ */.exec(text)![0]
  for (const word of text.trimStart().split(' ')) {
    const longer = line.trim() === '' ? line + word : `${line} ${word}`
    if (stringWidth(longer) < columns || line.trim() === '') line = longer
    else {
      lines.push(line)
      line = indent + word
    }
  }
  return [...lines, line].join('\n')
}

/** Two columns; what the second has too much of goes on below itself. */
export function pairs(rows: readonly (readonly [left: string, right: string])[], columns = 80): string {
  const left = widest(rows) + 4
  return rows
    .map(([text, what]) =>
      wrapped(`  ${text}${' '.repeat(left - 2 - stringWidth(text))}${what}`, columns, ' '.repeat(left)),
    )
    .join('\n')
}

/** Whether `rows` stand beside each other in `columns`. */
export function fitsBeside(rows: readonly (readonly [left: string, right: string])[], columns = 80): boolean {
  const right = rows.reduce((most, [, what]) => Math.max(most, stringWidth(what)), 0)
  return widest(rows) + 4 + right < columns
}

function widest(rows: readonly (readonly [left: string, right: string])[]): number {
  return rows.reduce((most, [text]) => Math.max(most, stringWidth(text)), 0)
}

/** How full something is: 0 to 1. Rounded down: only what is full looks full. */
export function bar(part: number, width: number): string {
  const full = Math.min(width, Math.floor(part * width))
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}

/** A text with escapes in it, and the cells it takes. */
export interface Label {
  readonly text: string
  readonly width: number
}

/** Down the columns, as ls does, as many as fit, each as wide as it must be. */
export function inColumns(labels: readonly Label[], columns: number): readonly string[] {
  for (let across = Math.min(labels.length, Math.floor(columns / 3)); across > 1; across--) {
    const rows = Math.ceil(labels.length / across)
    const widths = widthsOf(labels, rows, columns)
    if (widths !== undefined) return laidOut(labels, rows, widths)
  }
  return labels.map(({ text }) => text)
}

/** How wide each column of `rows` must be; undefined when they do not fit beside each other. */
function widthsOf(labels: readonly Label[], rows: number, columns: number): readonly number[] | undefined {
  const widths: number[] = []
  let all = 0
  for (let start = 0; start < labels.length; start += rows) {
    let width = 0
    for (let at = start; at < Math.min(start + rows, labels.length); at++)
      width = Math.max(width, labels[at]!.width)
    all += width + 2
    if (all - 2 >= columns) return undefined
    widths.push(width)
  }
  return widths
}

function laidOut(labels: readonly Label[], rows: number, widths: readonly number[]): readonly string[] {
  return Array.from({ length: rows }, (_, row) => {
    let line = ''
    for (const [column, width] of widths.entries()) {
      const label = labels[column * rows + row]
      const isLast = (column + 1) * rows + row >= labels.length
      if (label !== undefined) line += isLast ? label.text : label.text + ' '.repeat(width - label.width + 2)
    }
    return line
  })
}
