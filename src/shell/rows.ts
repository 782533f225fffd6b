import type { Interface } from 'node:readline'
import type { Terminal } from './terminal.ts'

/** What its types do not tell of readline. */
interface Drawing {
  /** The row of the line in which the cursor is. */
  prevRows?: number
  /** Whether the key at hand is the last of its piece: those before it are a paste, and are only written out. */
  readonly isCompletionEnabled: boolean
}

/**
 * Tells readline in which row its cursor is where it does not know. A paste it writes out as it comes, without a look
 * at where that wraps, or what it is written over; and when the window changes it still counts the rows of the old
 * one, though the terminal has wrapped them anew. What is drawn next would go over other lines.
 */
export function keepRows(lines: Interface, { input, output }: Terminal): void {
  const drawing = lines as Interface & Drawing
  let pasted = false
  input.prependListener('keypress', (text: string | undefined) => {
    const isWritten = !drawing.isCompletionEnabled && text !== undefined && /^[\t\P{Cc}]/u.test(text)
    if (pasted && !isWritten) drawAnew()
    pasted = isWritten
  })
  output.prependListener('resize', () => {
    drawing.prevRows = lines.getCursorPos().rows
  })

  function drawAnew(): void {
    const { rows, cols } = lines.getCursorPos()
    if (rows === (drawing.prevRows ?? 0) && lines.cursor === lines.line.length) return
    // Behind the last column a terminal wraps with the next character, and not before.
    drawing.prevRows = cols === 0 ? Math.max(0, rows - 1) : rows
    lines.prompt(true)
  }
}

/** The cursor is on a row of its own now: nothing above it is to be drawn over. */
export function onNewRow(lines: Interface): void {
  const drawing = lines as Interface & Drawing
  drawing.prevRows = 0
}
