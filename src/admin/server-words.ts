import type { Ban } from '../accounts/guard.ts'
import { escapeText } from '../base/escape.ts'
import { jsonSafe } from '../commands/json.ts'
import { count } from './changes.ts'
import { readable } from './log-line.ts'
import {
  banAddress,
  banSpan,
  deskOf,
  drainServer,
  endSession,
  liftBan,
  restartServer,
  saidOfBan,
} from './server-actions.ts'
import { quotaTotals, scriptTransfer, showTransfer, statusRows } from './server-rows.ts'
import { showTime } from './show.ts'
import { table } from './table.ts'
import { answer, exactly, type Word } from './word.ts'

/** Words about the server that runs: its sessions, bans, log and end. */
export const SERVER_WORDS: Readonly<Record<string, Word>> = {
  'session list': {
    usage: 'session list [--json]',
    summary: 'who is logged in, and what they move',
    async run(call) {
      exactly(call.names, 0, this.usage)
      const rows = await (await deskOf(call)).sessions()
      const cells = rows.map((row) => [
        row.id,
        row.account,
        row.address,
        row.kinds.join(', ') || '-',
        escapeText(row.client),
        row.transfers.map(showTransfer).join(', '),
      ])
      answer(
        call,
        rows.map((row) => ({
          ...row,
          since: isoOf(row.since),
          transfers: row.transfers.map(scriptTransfer),
        })),
        table([['ID', 'ACCOUNT', 'FROM', 'KIND', 'CLIENT', 'MOVES'], ...cells]),
      )
    },
  },
  'session end': {
    usage: 'session end ID',
    summary: 'end a connection',
    async run(call) {
      const [id] = exactly(call.names, 1, this.usage)
      const { account, address } = await endSession(call, id!)
      answer(call, { id, account, address }, [`Session ${id} of "${account}" from ${address} is ended`])
    },
  },
  'ban list': {
    usage: 'ban list [--json]',
    summary: 'addresses that may not connect',
    async run(call) {
      exactly(call.names, 0, this.usage)
      const bans = await (await deskOf(call)).guard.list()
      const rows = bans.map(({ address, until, times, reason }) => [
        address,
        showTime(until),
        String(times),
        escapeText(reason),
      ])
      answer(call, bans.map(scriptBan), table([['ADDRESS', 'UNTIL', 'TIMES', 'REASON'], ...rows]))
    },
  },
  'ban add': {
    usage: 'ban add ADDRESS [--for 1h]',
    summary: 'ban an address, of IPv6 its whole /64, and end its connections',
    options: { for: { type: 'string', about: ['TIME', 'such as 90s, 5m, 1h or 7d; 1h if it is not said'] } },
    async run(call) {
      const [address] = exactly(call.names, 1, this.usage)
      const made = await banAddress(call, address!, banSpan(String(call.values.for ?? '1h')))
      answer(call, scriptBan(made), [saidOfBan(made)])
    },
  },
  'ban lift': {
    usage: 'ban lift ADDRESS',
    summary: 'let an address connect again',
    async run(call) {
      const [address] = exactly(call.names, 1, this.usage)
      await liftBan(call, address!)
      answer(call, { address }, [`"${address}" may connect again`])
    },
  },
  log: {
    usage: 'log [-n LINES] [--filter TEXT] [--follow] [--json]',
    summary: "the last lines of today's log, times in UTC; --follow goes on with what comes, until ^C",
    options: {
      lines: { type: 'string', short: 'n', about: ['N', 'how many lines; 20 if it is not said'] },
      filter: { type: 'string', about: ['TEXT', 'those with it alone'] },
      follow: { type: 'boolean', short: 'f', about: ['goes on with what comes'] },
    },
    async run(call) {
      exactly(call.names, 0, this.usage)
      const { values, json, io } = call
      const desk = await deskOf(call)
      const most = count(String(values.lines ?? '20'), '20')
      const filter = String(values.filter ?? '')
      // One object a line, as the log has it.
      const print = (lines: readonly string[]): void => {
        for (const line of lines) io.print(json ? jsonSafe(line) : readable(line))
      }
      const stop = values.follow === true ? io.stop?.() : undefined
      if (stop === undefined) return print(await desk.logLines(most, filter))
      for await (const lines of desk.followLog(most, filter, stop)) {
        // Who is no admin any more reads no further.
        await call.parts.actions.allow(call.actor)
        print(lines)
        await io.settled?.()
      }
    },
  },
  'server status': {
    usage: 'server status [--json]',
    summary: 'version, time, load, quota',
    async run(call) {
      exactly(call.names, 0, this.usage)
      const status = await (await deskOf(call)).status()
      const quota = await quotaTotals(call)
      answer(
        call,
        { ...status, since: isoOf(status.since), quota },
        table(statusRows(status, quota, call.parts.now())),
      )
    },
  },
  'server drain': {
    usage: 'server drain',
    summary: 'stop the server when running transfers are over, as SIGTERM does',
    async run(call) {
      exactly(call.names, 0, this.usage)
      await drainServer(call, async () => {
        answer(call, { draining: true }, ['The server takes nobody new and ends'])
        await call.io.settled?.()
      })
    },
  },
  'server restart': {
    usage: 'server restart',
    summary: 'start its processes anew, one after the other, each when its transfers are over',
    async run(call) {
      exactly(call.names, 0, this.usage)
      await restartServer(call)
      answer(call, { restarting: true }, [
        'The processes of the server are started anew, one after the other',
      ])
    },
  },
}

function scriptBan<T extends Ban>({ until, since, ...rest }: T) {
  return { ...rest, until: isoOf(until), ...(since === undefined ? {} : { since: isoOf(since) }) }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
