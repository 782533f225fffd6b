import type { LiveSessions } from '../../src/accounts/account.ts'
import { actionsOver } from '../../src/accounts/actions.ts'
import { accountsOver, type Versions } from '../../src/accounts/kv-store.ts'
import { newAccount } from '../../src/accounts/rules.ts'
import { secondStepsOver } from '../../src/accounts/second-step.ts'
import type { AuditEvent } from '../../src/base/audit.ts'
import { systemClock } from '../../src/base/clock.ts'
import { OpError } from '../../src/base/error.ts'
import { memoryKeyValue } from '../../src/store/memory.ts'

function versions(): Versions {
  const all = new Map<string, number>()
  return {
    create: (name) => !all.has(name) && all.set(name, 1).has(name),
    get: (name) => all.get(name),
    move: (name, from) => all.get(name) === from && all.set(name, from + 1).has(name),
    remove: (name) => void all.delete(name),
  }
}

/** The admin's actions over records in memory. Two admins and two users; what was audited, told to sessions, and set in the ledger. */
export async function memoryOffice() {
  const store = memoryKeyValue()
  const accounts = accountsOver(store, versions(), systemClock)
  for (const name of ['grace', 'heidi']) await accounts.create(newAccount(name, 'admin'))
  for (const name of ['ada', 'mallory']) await accounts.create(newAccount(name, 'user'))
  const audited: AuditEvent[] = []
  const ended: string[] = []
  const changed: string[] = []
  const limits = new Map<string, unknown>()
  let asked = 0
  /** The disk beside the records, of the ledger and the homes: all of it, or one thing alone ('move', 'return', 'forget'). */
  const disk = { full: false, fails: '' }
  const needsDisk = (what = ''): void => {
    if (disk.full || (what !== '' && disk.fails === what)) throw new OpError('ENOSPC', 'The disk is full')
  }
  const moved: string[] = []
  const forgotten: string[] = []
  const codes = secondStepsOver(store, systemClock)
  const usage = { limit: null, used: 0, reserved: 0, files: 0, fileLimit: null }
  const live: LiveSessions = {
    end: (name) => void ended.push(name),
    changed: ({ name }) => void changed.push(name),
  }
  const actions = actionsOver({
    accounts,
    passwords: { hash: async (password) => `hash of ${password.length}`, check: async () => false },
    ledger: {
      usage: async () => usage,
      // The first is the slowest.
      async setLimits(name: string, to: unknown) {
        needsDisk()
        for (let turns = (25 - ++asked) * 100; turns > 0; turns--) await Promise.resolve()
        limits.set(name, to)
      },
      remove: async () => {},
    } as never,
    live,
    audit: { record: (event) => void audited.push(event) },
    homes: {
      make: async () => needsDisk(),
      async retire() {
        needsDisk('move')
        return 'removed/x'
      },
      async bringBack(name, kept) {
        needsDisk('return')
        moved.push(`${name} from ${kept}`)
      },
      async forget(name) {
        if (disk.fails === 'forget') throw new OpError('ENOSPC', 'The disk is full')
        forgotten.push(name)
      },
    },
    codes,
    clock: systemClock,
  })
  return { accounts, actions, audited, ended, changed, limits, codes, usage, disk, live, moved, forgotten }
}
