import { escapeText } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import type { LiveRow } from './desk.ts'
import { isEnter, isMove, leaves, stepOf } from './keyboard.ts'
import { readable } from './log-line.ts'
import type { Desktop } from './menu.ts'
import { sentence } from './questions.ts'
import {
  banAddress,
  banSpan,
  checkAddress,
  deskOf,
  drainServer,
  endSession,
  liftBan,
  saidOfBan,
} from './server-actions.ts'
import { quotaTotals, showTransfer, statusRows } from './server-rows.ts'
import { showSpan, showTime } from './show.ts'
import { bar, fittedTable, wrapped } from './table.ts'

/** Each time it is asked anew whether who looks is still an admin. */
const REFRESH_MS = 1_000
/** Log lines that are looked through, and that can be scrolled back. */
const MOST_LOG = 2_000

/** Who is logged in and what they move, live; Enter ends the one that is marked. */
export async function sessions(desktop: Desktop): Promise<string | undefined> {
  const { screen, parts } = desktop
  let at = 0
  for (;;) {
    let rows: readonly LiveRow[] = []
    let chosen: LiveRow | undefined
    await screen.live({
      everyMs: REFRESH_MS,
      async draw() {
        rows = await (await deskOf(desktop)).sessions()
        at = Math.max(0, Math.min(at, rows.length - 1))
        return sessionLines(rows, at, screen.columns, screen.rows, parts.now())
      },
      key(key) {
        if (isMove(key)) at = Math.max(0, Math.min(rows.length - 1, at + stepOf(key)))
        if (isEnter(key)) chosen = rows[at]
        return !leaves(key) && chosen === undefined
      },
    })
    if (chosen === undefined) return ''
    const { id, account, address } = chosen
    const yes = await screen.confirm(`End session ${id} of "${account}" from ${address}?`)
    screen.tidy()
    if (!yes) continue
    await endSession(desktop, id)
    screen.print(`Session ${id} of "${account}" is ended`)
  }
}

/** A row a connection, and below it one for each file that it moves. */
function sessionLines(
  rows: readonly LiveRow[],
  at: number,
  columns: number,
  height: number,
  now: number,
): readonly string[] {
  const cells = rows.map((row) => [
    row.id,
    row.account,
    row.address,
    row.kinds.map((kind) => kind.replace('subsystem ', '')).join(', ') || '-',
    showSpan(now - row.since),
    escapeText(row.client),
  ])
  const [head = '', ...lines] = fittedTable(
    [['ID', 'ACCOUNT', 'FROM', 'KIND', 'SINCE', 'CLIENT'], ...cells],
    columns - 2,
  )
  const body = rows.flatMap((row, index) => [
    `${index === at ? '▸' : ' '} ${lines[index]}`,
    ...row.transfers.map((transfer) => {
      const { size, read, rate } = transfer
      const done = size === undefined || size === 0 ? '' : `${bar(read / size, 10)} `
      return `      ${done}${showTransfer(transfer)}, ${showBytes(Math.round(rate))}/s`
    }),
  ])
  const marked = body.findIndex((line) => line.startsWith('▸'))
  const room = height - 4
  const from = Math.max(0, Math.min(marked - Math.floor(room / 2), body.length - room))
  return [`${rows.length} logged in`, `  ${head}`, ...body.slice(from, from + room), '', KEYS.sessions]
}

const KEYS = {
  sessions: '↑↓ move, Enter ends a session, Esc goes back',
  log: 'type to filter, ↑↓ scroll, Esc goes back',
  server: 'D stops the server, Esc goes back',
}

export async function bans(desktop: Desktop): Promise<string | undefined> {
  const { screen } = desktop
  const list = await (await deskOf(desktop)).guard.list()
  const lines = fittedTable(
    list.map((ban) => [`Lift ${ban.address}`, `until ${showTime(ban.until)}`, escapeText(ban.reason)]),
    screen.columns - 4,
  )
  const choice = await screen.choose(list.length === 0 ? 'Nobody is banned' : 'Banned addresses', [
    { label: 'Ban an address', value: -1 },
    ...lines.map((label, value) => ({ label, value, chosen: `Lift ${list[value]!.address}` })),
  ])
  if (choice === undefined) return undefined
  if (choice >= 0) {
    const { address } = list[choice]!
    if (!(await screen.confirm(`Let ${address} connect again?`))) return undefined
    await liftBan(desktop, address)
    return `"${address}" may connect again`
  }
  const address = await screen.ask('Address to ban', {
    check: sentence((text) => {
      if (text.trim() !== '') checkAddress(text.trim())
    }),
  })
  if (address === undefined || address.trim() === '') return undefined
  const span = await screen.ask('For how long, such as 1h or 7d', {
    initial: '1h',
    check: sentence((text) => void banSpan(text)),
  })
  if (span === undefined) return undefined
  return saidOfBan(await banAddress(desktop, address.trim(), banSpan(span)))
}

/** The last lines of today's log, live; what is typed filters them. */
export async function log(desktop: Desktop): Promise<string | undefined> {
  const { screen } = desktop
  let filter = ''
  /** Lines that are left out at the end. */
  let back = 0
  await screen.live({
    everyMs: REFRESH_MS,
    async draw() {
      const wanted = filter
      const lines = await (await deskOf(desktop)).logLines(MOST_LOG, wanted)
      const room = Math.max(1, screen.rows - 3)
      const rows = (some: readonly string[]): readonly string[][] =>
        some.map((line) => logRows(line, screen.columns))
      back = Math.max(0, Math.min(back, lines.length - fitting(rows(lines.slice(0, room)), room)))
      const end = lines.length - back
      const shown = rows(lines.slice(Math.max(0, end - room), end))
        .flat()
        .slice(-room)
      const where = back === 0 ? '' : `, ${back} newer below`
      return [
        `Log${wanted === '' ? '' : ` with "${escapeText(wanted)}"`}: ${lines.length} lines${where}`,
        ...shown,
        '',
        KEYS.log,
      ]
    },
    key(key, text) {
      if (isMove(key)) back = Math.max(0, back - stepOf(key, screen.rows))
      else if (key.name === 'backspace') filter = [...filter].slice(0, -1).join('')
      else if (text !== undefined && !key.ctrl && !key.meta && /^[^\x00-\x1f\x7f]+$/.test(text)) {
        filter = `${filter}${text}`.slice(0, 80)
        back = 0
      }
      return !leaves(key)
    },
  })
  return ''
}

/** A line of the log as rows of the screen: what does not fit goes on below, under what happened. */
function logRows(line: string, columns: number): string[] {
  const text = readable(line)
  const [first = '', ...more] = wrapped(text.slice(AFTER_TIME), columns - AFTER_TIME)
  return [text.slice(0, AFTER_TIME) + first, ...more.map((row) => ' '.repeat(AFTER_TIME) + row)]
}

/** "12:00:00 ". */
const AFTER_TIME = 9

/** How many of `lines`, from the first on, have room. */
function fitting(lines: readonly (readonly string[])[], room: number): number {
  let rows = 0
  const over = lines.findIndex((line) => {
    rows += line.length
    return rows > room
  })
  return over < 0 ? lines.length : Math.max(1, over)
}

/** What the server is and does, live; D drains it. */
export async function serverStatus(desktop: Desktop): Promise<string | undefined> {
  const { screen, parts } = desktop
  const quota = await quotaTotals(desktop)
  let last: { readonly at: number; readonly received: number; readonly sent: number } | undefined
  let stop = false
  await screen.live({
    everyMs: REFRESH_MS,
    async draw() {
      const status = await (await deskOf(desktop)).status()
      const now = parts.now()
      const per = (bytes: number, before: number | undefined): string =>
        `${showBytes(Math.round(((bytes - (before ?? bytes)) * 1000) / Math.max(1, now - (last?.at ?? now))))}/s`
      const rows = [
        ...statusRows(status, quota, now),
        ['now', `${per(status.received, last?.received)} in, ${per(status.sent, last?.sent)} out`],
      ]
      last = { at: now, received: status.received, sent: status.sent }
      return [...fittedTable(rows, screen.columns), '', KEYS.server]
    },
    key(key) {
      stop = key.name === 'd' && !key.ctrl
      return !stop && !leaves(key)
    },
  })
  if (!stop) return ''
  screen.print(
    'It takes nobody new, waits a while for transfers that run, and ends: somebody must start it again.',
  )
  if (!(await screen.confirm('Stop the server?'))) return undefined
  await drainServer(desktop)
  return 'The server stops'
}
