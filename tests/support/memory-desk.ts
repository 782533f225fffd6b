import { openGuard } from '../../src/accounts/guard.ts'
import type { Desk, LiveRow } from '../../src/admin/desk.ts'
import { systemClock } from '../../src/base/clock.ts'
import { memoryKeyValue } from '../../src/store/memory.ts'

/** A server that runs, in memory: one session of ada, an empty log; what was done to it is in `done`. */
export async function memoryDesk() {
  const settings = { threshold: 6, windowMs: 60_000, banMs: 300_000, allow: ['127.0.0.0/8'] }
  const guard = await openGuard(settings, memoryKeyValue(), systemClock)
  const done: string[] = []
  const row: LiveRow = {
    id: '7',
    account: 'ada',
    address: '192.0.2.5',
    client: 'OpenSSH',
    kinds: ['subsystem sftp'],
    since: 0,
    transfers: [],
  }
  const asked = (what: string): void => void done.push(what)
  const desk: Desk = {
    async sessions() {
      asked('sessions')
      return [row]
    },
    end(id) {
      asked(`end ${id}`)
      return true
    },
    get guard() {
      asked('guard')
      return guard
    },
    async status() {
      asked('status')
      return {
        version: '1.2.3',
        node: 'v24',
        pid: 1,
        since: 0,
        address: '127.0.0.1:22',
        connections: 1,
        received: 0,
        sent: 0,
        disk: { total: 2, free: 1 },
        memory: 1,
      }
    },
    drain: () => asked('drain'),
    restart: () => asked('restart'),
    endFrom(address) {
      asked(`end from ${address}`)
      return 2
    },
    async logLines() {
      asked('log')
      return [JSON.stringify({ at: '2026-01-01T00:00:00.000Z', event: 'a line' })]
    },
    async *followLog() {
      asked('log')
      yield [JSON.stringify({ at: '2026-01-01T00:00:00.000Z', event: 'a line' })]
    },
  }
  return { desk, guard, done }
}
