import type { Fields } from './base/log.ts'
import { showBytes } from './base/units.ts'

/** What `npm start` shows of an event: one short line for logins, transfers and refusals, nothing for the rest. */
export function operatorLine(level: string, event: string, fields: Fields): string | undefined {
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
