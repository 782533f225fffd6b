import type ssh2 from 'ssh2'
import type { Pty } from './session.ts'

/** Cells of a terminal, whatever a client says. */
const MOST_CELLS = 1000

export interface LivePty extends Pty {
  resize(to: ssh2.WindowChangeInfo): void
}

/** A terminal as "pty-req" describes it (RFC 4254 §6.2); sizes of 0 mean "not known". */
export function livePty(info: ssh2.PseudoTtyInfo & { readonly term?: unknown }): LivePty {
  let columns = cells(info.cols, 80)
  let rows = cells(info.rows, 24)
  const listeners: (() => void)[] = []
  return {
    term: typeof info.term === 'string' ? info.term.slice(0, 64) : 'dumb',
    get columns() {
      return columns
    },
    get rows() {
      return rows
    },
    onResize: (listener) => void listeners.push(listener),
    resize(to) {
      columns = cells(to.cols, columns)
      rows = cells(to.rows, rows)
      for (const listener of listeners) listener()
    },
  }
}

function cells(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0 ? Math.min(value, MOST_CELLS) : otherwise
}
