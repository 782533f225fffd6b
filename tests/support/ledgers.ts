import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QuotaLedger } from '../../src/quota/ledger.ts'
import { openDatabase } from '../../src/store/database.ts'
import { sqlLedger } from '../../src/store/sql-ledger.ts'
import type { LedgerWorld } from '../contract/ledger.contract.ts'

/** Ledgers of several processes over one database file; the processes are none, and die when they are told. */
export async function sqlWorld(): Promise<LedgerWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  const alive = new Set<number>()
  const open = new AsyncDisposableStack()
  let pids = 0
  return {
    async start(boot = 'now') {
      const pid = ++pids
      alive.add(pid)
      const database = openDatabase(join(folder, 'quota.sqlite'))
      open.defer(() => database.close())
      const self = { pid, start: '1', boot }
      return {
        ledger: sqlLedger({ database, self, isAlive: (mark) => alive.has(mark.pid) }),
        kill: () => void alive.delete(pid),
      }
    },
    async [Symbol.asyncDispose]() {
      await open.disposeAsync()
      await rm(folder, { recursive: true })
    },
  }
}

/** The same ledger, answering later, as one over a network does. */
export function late(ledger: QuotaLedger): QuotaLedger {
  const later = async <T>(work: () => T): Promise<Awaited<T>> => {
    await new Promise<void>((resolve) => setImmediate(resolve))
    return await work()
  }
  return {
    open: async (account) => {
      const share = await later(() => ledger.open(account))
      return {
        immediate: false,
        lease: (state, need) => later(() => share.lease(state, need)),
        report: (state) => later(() => share.report(state)),
        around: () => later(() => share.around()),
        fold: (state) => later(() => share.fold(state)),
      }
    },
    setLimits: (account, limits) => later(() => ledger.setLimits(account, limits)),
    remove: (account) => later(() => ledger.remove(account)),
    noted: (account) => later(() => ledger.noted(account)),
    uncounted: (account) => later(() => ledger.uncounted(account)),
    isAt: (account, place) => later(() => ledger.isAt(account, place)),
    doubt: (account) => later(() => ledger.doubt(account)),
    count: (account, last, found) => later(() => ledger.count(account, last, found)),
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  }
}
