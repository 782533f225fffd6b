import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { LiveSessions } from './accounts/account.ts'
import type { Ban, Guard, OwnGuard } from './accounts/guard.ts'
import type { Desk } from './admin/desk.ts'
import type { Clock } from './base/clock.ts'
import { OpError } from './base/error.ts'
import { processLives } from './base/living.ts'
import type { Log } from './base/log.ts'
import type { Siblings } from './base/siblings.ts'
import type { Office } from './office.ts'
import { endConnection, endConnectionsFrom, lookAround, type Place } from './place.ts'
import { hostKeysIn, notOpened, openService } from './service.ts'
import type { LiveSettings } from './settings.ts'
import { farPath } from './sockets.ts'
import { liveTransfers } from './transfer/live.ts'
import { settleFresh } from './vfs/fresh.ts'
import { openUploadsIn, settleHomes } from './vfs/home.ts'
import { uploadFiles } from './vfs/open-uploads.ts'
import type { Crew } from './workers.ts'

/** What serves, be it this process alone or several behind one port. */
export interface Serving extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number }
  readonly live: LiveSessions
  places(): Promise<readonly Place[]>
  end: Desk['end']
  endFrom: Desk['endFrom']
  restart: Desk['restart']
  /** They were read again. */
  settingsRead(): void
  drain(ms: number): Promise<void>
}

export interface ServingParts {
  readonly settings: LiveSettings
  readonly office: Office
  readonly guard: OwnGuard
  readonly desk: Desk
  readonly clock: Clock
  readonly log: Log
  readonly failed: (error: unknown) => void
  readonly process: Pick<NodeJS.Process, 'pid' | 'memoryUsage'>
}

export async function serveAlone(parts: ServingParts): Promise<Serving> {
  const { settings, office, clock, process } = parts
  settleFresh(office.fresh, processLives, clock)
  const transfers = liveTransfers()
  const { host, port } = settings.now
  const service = await openService({
    ...parts,
    transfers,
    actions: office.actions,
    codes: office.codes,
    pid: process.pid,
    listen: { host, port },
  })
  const { porch } = service
  return {
    address: porch.address,
    live: { end: porch.sessions.end, changed: service.changed },
    places: async () => [await lookAround({ transfers, porch: () => porch, now: clock.now, process })],
    end: (id) => endConnection(porch, id),
    endFrom: (address) => endConnectionsFrom(porch, address),
    restart() {
      throw new OpError(
        'ENOTSUP',
        'One process serves alone (workers = 1): end it with server drain, and start it again',
      )
    },
    settingsRead() {},
    drain: porch.drain,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

export async function serveByCrew(crew: Crew, parts: ServingParts): Promise<Serving> {
  const { settings, office, clock, guard, desk, failed, log, process } = parts
  const { var: folder, hostkeys } = settings.now
  // Made here, so that they do not each make some.
  await hostKeysIn(hostkeys, office.audit)
  for (const name of readdirSync(folder))
    if (/^worker-\d+\.sock$/.test(name)) rmSync(join(folder, name), { force: true })
  const rules = settings.view({ keepMs: 'keep-replaced', partMs: 'keep-parts' })
  const settle = (again: boolean): Promise<void> => {
    settleFresh(office.fresh, processLives, clock)
    return settleHomes({
      folder,
      uploads: office.uploads,
      clock,
      rules,
      lives: processLives,
      notOpened: notOpened(log),
      again,
    })
  }
  await settle(false)
  const address = await crew.start({
    exposed: { actions: office.actions, codes: office.codes, guard: desk.guard, desk },
    async settle(killed) {
      rmSync(farPath(folder, killed), { force: true })
      await settle(true)
    },
    news: () => guard.list(),
  })
  return {
    address,
    live: crew.live,
    async places() {
      const here = await lookAround({
        transfers: liveTransfers(),
        porch: () => undefined,
        now: clock.now,
        process,
      })
      return [...(await crew.places()), here]
    },
    end: crew.end,
    async endFrom(address) {
      const counts = await crew.siblings.ask('end connections from', address)
      return counts.reduce<number>((sum, ended) => sum + Number(ended), 0)
    },
    restart: crew.restart,
    settingsRead: () => void crew.siblings.ask('settings', settings.now).catch(failed),
    drain: crew.drain,
    [Symbol.asyncDispose]: () => crew.drain(0),
  }
}

/**
 * The guard whose bans all processes follow, before whoever asked is answered. `failed` hears of one that does not: the
 * ban is stored by then, and is said and written down all the same.
 */
export function toldGuard(
  guard: OwnGuard,
  siblings: Pick<Siblings, 'ask'>,
  failed: (error: unknown) => void,
): Guard {
  async function tell(): Promise<void> {
    try {
      await siblings.ask('bans', guard.list() satisfies readonly Ban[])
    } catch (error) {
      failed(error)
    }
  }
  return {
    banned: guard.banned,
    allowed: guard.allowed,
    delay: guard.delay,
    forgive: guard.forgive,
    list: guard.list,
    async record(address, offence) {
      const ban = await guard.record(address, offence)
      if (ban !== undefined) await tell()
      return ban
    },
    async ban(address, ms, reason) {
      const ban = await guard.ban(address, ms, reason)
      await tell()
      return ban
    },
    async lift(address) {
      const was = await guard.lift(address)
      await tell()
      return was
    },
  }
}

/** How long workers may take to see that who started them is gone, in ms. */
const ORPHANS_MS = 5_000

/** Of a server that was killed: its workers end by themselves, and what they had open can only be settled then. EBUSY. */
export async function oldWorkersGone(folder: string, clock: Clock): Promise<void> {
  const until = clock.elapsed() + ORPHANS_MS
  for (;;) {
    const lives = uploadFiles(openUploadsIn(folder)).find(processLives)
    if (lives === undefined) return
    if (clock.elapsed() > until)
      throw new OpError(
        'EBUSY',
        `A process of an earlier server (${lives.split('_')[0]}) still serves "${folder}": end it first`,
      )
    await clock.sleep(20)
  }
}
