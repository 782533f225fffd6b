import stringWidth from 'string-width'

/** `text` in lines of at most `columns` cells, broken between words; a word that is longer is left to the terminal. */
export function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => wrappedLine(line, columns))
    .join('\n')
}

function wrappedLine(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line
  const lines: string[] = []
  let now = ''
  for (const word of line.split(' ')) {
    const longer = now === '' ? word : `${now} ${word}`
    if (now === '' || stringWidth(longer) <= columns) now = longer
    else {
      lines.push(now)
      now = word
    }
  }
  return [...lines, now].join('\n')
}
