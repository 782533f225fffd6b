import stringWidth from 'string-width'
import { showBytes, showClock } from '../base/units.ts'

/** How far something is, at this moment. */
export interface Standing {
  /** What is moved, already fit to be shown. */
  readonly name: string
  readonly done: number
  readonly total: number
  /** Bytes a second. */
  readonly rate: number
  /** ms; undefined: nobody can say. */
  readonly left: number | undefined
  /** Instead of rate and time: what it waits for. */
  readonly waits?: string | undefined
}

const WIDE = 76
const MIDDLE = 46
const LEAST_BAR = 6
const MOST_BAR = 40
const LEAST_NAME = 8

/** Cells that stay free: the last of a row would begin the next on some terminals, and ^C is echoed into two. */
const FREE = 3

/** One line that can be drawn over, also once ^C or ^Z was pressed behind it. */
export function progressLine(standing: Standing, columns: number): string {
  const room = Math.max(1, columns - FREE)
  const { name, done, total, rate, left, waits } = standing
  const percent = `${total === 0 ? 100 : Math.floor((Math.min(done, total) / total) * 100)}%`.padStart(4)
  const facts = waits ?? `${showBytes(rate)}/s`.padStart(10)
  const parts: string[] = [percent]
  if (room >= WIDE) parts.push(`${showBytes(done)} of ${showBytes(total)}`.padStart(20))
  parts.push(facts)
  if (waits === undefined && room >= MIDDLE)
    parts.push(`${showClock(left)}${room >= WIDE ? ' left' : ''}`.padStart(6))
  const tail = parts.join('  ')

  const free = room - stringWidth(tail) - 1
  if (room < MIDDLE || free < LEAST_NAME + LEAST_BAR + 3)
    return fit(`${fit(name, Math.max(0, free), true)} ${tail}`, room, false)
  const bar = Math.min(MOST_BAR, Math.max(LEAST_BAR, Math.floor(free * 0.45)))
  const width = Math.max(LEAST_NAME, free - bar - 3)
  return fit(`${fit(name, width, true)} [${drawn(total === 0 ? 1 : done / total, bar)}] ${tail}`, room, false)
}

/** `text` in exactly `cells` cells where `pads`, else in at most so many; what is too long loses its middle. */
export function fit(text: string, cells: number, pads: boolean): string {
  const width = stringWidth(text)
  if (width <= cells) return pads ? text + ' '.repeat(cells - width) : text
  if (cells <= 1) return '…'.slice(0, Math.max(0, cells))
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment)
  const front = taken(letters, Math.floor((cells - 1) / 2))
  const back = taken(letters.slice().reverse(), cells - 1 - stringWidth(front)).split('')
  const end = backOf(letters, back.join('').length)
  const short = `${front}…${end}`
  return pads ? short + ' '.repeat(Math.max(0, cells - stringWidth(short))) : short
}

/** As many letters from the beginning as fit. */
function taken(letters: readonly string[], cells: number): string {
  let text = ''
  let width = 0
  for (const letter of letters) {
    const more = stringWidth(letter)
    if (width + more > cells) break
    text += letter
    width += more
  }
  return text
}

function backOf(letters: readonly string[], length: number): string {
  const text = letters.join('')
  return text.slice(text.length - length)
}

function drawn(ratio: number, width: number): string {
  const full = Math.min(width, Math.max(0, Math.floor(ratio * width)))
  if (full >= width) return '='.repeat(width)
  return `${'='.repeat(full)}>`.padEnd(width)
}
