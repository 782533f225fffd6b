import type { Fields } from './base/log.ts'
import { showBytes } from './base/units.ts'

/** How long lines are gathered for one write, in ms: a folder of small files has some thousand a second. */
const GATHER_MS = 50

/** The operator's screen: `print` is given one or more lines, without the last line feed. */
export interface OperatorScreen extends Disposable {
  show(level: string, event: string, fields: () => Fields): void
}

/** Shows errors alone if `quiet`. */
export function operatorScreen(print: (lines: string) => void, quiet: boolean): OperatorScreen {
  let gathered: string[] = []
  let timer: NodeJS.Timeout | undefined
  const printAll = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (gathered.length === 0) return
    print(gathered.join('\n'))
    gathered = []
  }
  return {
    show(level, event, fields) {
      if (quiet && level !== 'error') return
      const line = operatorLine(level, event, fields())
      if (line === undefined) return
      gathered.push(line)
      timer ??= setTimeout(printAll, GATHER_MS)
    },
    [Symbol.dispose]: printAll,
  }
}

/** What `npm start` shows of an event: one short line for logins, transfers and refusals, nothing for the rest. */
function operatorLine(level: string, event: string, fields: Fields): string | undefined {
  const who = fields.account === undefined ? '' : ` ${fields.account}`
  switch (event) {
    case 'login accepted':
      return `login${who} from ${fields.address} by ${fields.method}`
    case 'login refused':
      return `login refused${who} from ${fields.address}${fields.reason ? `: ${fields.reason}` : ''}`
    case 'close': {
      const moved = [
        Number(fields.written) > 0 ? `received ${showBytes(Number(fields.written))}` : '',
        Number(fields.read) > 0 ? `sent ${showBytes(Number(fields.read))}` : '',
      ].filter((part) => part !== '')
      return moved.length === 0 ? undefined : `${moved.join(', ')}${who} ${fields.path}`
    }
    case 'forced close':
      return `interrupted${who} ${fields.path} at ${showBytes(Number(fields.written ?? 0))}`
    case 'quota refused':
      return `quota refused${who} ${fields.path ?? ''}`
    case 'disk full':
      return `disk full${who} ${fields.path ?? ''}`
    case 'settings read': {
      const said = [
        fields.changed ? `${fields.changed} changed` : '',
        fields.waiting ? `${fields.waiting} can only change at a new start` : '',
      ].filter((part) => part !== '')
      return `settings read again: ${said.join('; ') || 'nothing changed'}`
    }
    case 'settings not read':
      return `settings not read, the old ones hold: ${fields.reason}`
    default:
      return level === 'error' ? `error: ${event}: ${fields.error ?? ''}` : undefined
  }
}
