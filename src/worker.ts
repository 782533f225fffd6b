import type { Socket } from 'node:net'
import type { Account } from './accounts/account.ts'
import type { Actions } from './accounts/actions.ts'
import { type Ban, type Guard, openGuard } from './accounts/guard.ts'
import type { SecondSteps } from './accounts/second-step.ts'
import type { Desk } from './admin/desk.ts'
import type { Clock } from './base/clock.ts'
import { isOpError, OpError } from './base/error.ts'
import { type Answers, elsewhere, type Line, type Message, openLine } from './base/line.ts'
import type { Log } from './base/log.ts'
import type { Siblings } from './base/siblings.ts'
import type { Claimed } from './claims.ts'
import { openDesk } from './desk.ts'
import { refuse } from './door.ts'
import { openFarDoor } from './far-door.ts'
import { serveFar } from './far-session.ts'
import { type Holdings, openHoldings } from './holdings.ts'
import { openOffice } from './office.ts'
import { endConnection, endConnectionsFrom, lookAround } from './place.ts'
import { type Luggage, openService, type Service } from './service.ts'
import { guardRules, type LiveSettings, liveSettings, type Settings } from './settings.ts'
import { farPath } from './sockets.ts'
import type { SessionHandler } from './ssh/session.ts'
import { liveTransfers } from './transfer/live.ts'
import type { Begin, Drain } from './workers.ts'

export interface WorkerParts {
  readonly process: Pick<NodeJS.Process, 'pid' | 'memoryUsage' | 'version'>
  readonly umask: (mask: number) => number
  readonly send: (message: Message) => void
  readonly onMessage: (hear: (message: Message, socket?: Socket) => void) => void
  readonly clock: Clock
  readonly openLog: (settings: LiveSettings) => { readonly log: Log } & AsyncDisposable
}

/** How often an account that moves from process to process is gone after. */
const MOST_MOVES = 20

/** One of several processes behind one port: serves what it accepts, until it is told to drain. */
export async function work({ process, umask, send, onMessage, clock, openLog }: WorkerParts): Promise<void> {
  const answers: Answers = new Map()
  let log: Log | undefined
  const failed = (error: unknown): void => log?.error('internal error', error)
  const line = openLine({ send, answers, failed })
  const stop = Promise.withResolvers<Drain>()
  answers.set('drain', (how) => stop.resolve(how as Drain))
  // What it is asked by then nobody here can answer any more: its end says so.
  let isEnding = false
  onMessage((message, socket) => {
    if (isEnding && 'ask' in message) socket?.destroy()
    else line.hear(message, socket)
  })
  const begin = (await line.ask('begin')) as Begin
  try {
    await using life = new AsyncDisposableStack()
    const settings = liveSettings(begin.settings)
    const opened = life.use(openLog(settings))
    log = opened.log
    await serve(begin, {
      process,
      umask,
      line,
      answers,
      clock,
      settings,
      log,
      failed,
      life,
      stop: stop.promise,
    })
    isEnding = true
  } catch (error) {
    if (!isOpError(error)) throw error
    await line.ask('failed', { code: error.code, message: error.message })
  }
}

interface Surroundings {
  readonly process: WorkerParts['process']
  readonly umask: WorkerParts['umask']
  readonly line: Line
  readonly answers: Answers
  readonly clock: Clock
  readonly settings: LiveSettings
  readonly log: Log
  readonly failed: (error: unknown) => void
  readonly life: AsyncDisposableStack
  /** Resolves when it is to end. */
  readonly stop: Promise<Drain>
}

async function serve(begin: Begin, around: Surroundings): Promise<void> {
  const { process, line, answers, clock, settings, log, failed, life, stop } = around
  const { number, of } = begin
  const folder = settings.now.var
  const office = life.use(
    await openOffice({
      folder,
      clock,
      live: { end() {}, changed() {} },
      demo: false,
      adminPassword: undefined,
      failed,
      isFirst: false,
      siblings: siblingsOver(line, answers),
      defaultQuota: () => settings.now['default-quota'],
    }),
  )
  const guard = await openGuard(guardRules(settings), office.store, clock)
  const transfers = liveTransfers()
  const holdings = openHoldings({
    self: number,
    claim: async (account) => (await line.ask('claim', account)) as Claimed,
    leave: async (account) => (await service?.letGo(account)) ?? false,
    arrive: (account, luggage) => service?.receive(account, luggage as Luggage),
    failed,
  })
  let service: Service | undefined
  const porch = (): Service['porch'] | undefined => service?.porch
  answers.set('let go', (account) => holdings.letGo(String(account)))
  answers.set('look', () => lookAround({ transfers, porch, now: clock.now, process }))
  answers.set('end connection', (id) => endConnection(porch(), String(id)))
  answers.set('end connections from', (address) => endConnectionsFrom(porch(), String(address)))
  answers.set('end account', (ended) => {
    const { account, why } = ended as { readonly account: string; readonly why: string }
    porch()?.sessions.end(account, why)
  })
  answers.set('account changed', (account) => service?.changed(account as Account))
  // Without one: its client was gone before it came here.
  answers.set(
    'take',
    (_, socket: Socket | undefined) => socket === undefined || (porch()?.take(socket) ?? false),
  )
  answers.set('bans', (bans) => guard.follow(bans as readonly Ban[]))
  answers.set('settings', (changed) => void settings.reread(changed as Settings))
  guard.follow((await line.ask('joined')) as readonly Ban[])
  const far = elsewhere<Guard>(line, 'guard')
  const { banned, allowed } = guard
  const { delay, record, forgive, ban, lift, list } = far
  const all: Guard = { banned, allowed, delay, record, forgive, ban, lift, list }
  const desk = elsewhere<Desk>(line, 'desk')
  const { sessions, end, endFrom, status, drain, restart, logLines } = desk
  // The log is a file.
  const { followLog } = openDesk({
    folder,
    clock,
    guard: all,
    places: async () => [],
    end,
    endFrom,
    drain,
    restart,
    process,
    version: '',
  })
  service = life.use(
    await openService({
      settings,
      office,
      actions: elsewhere<Actions>(line, 'actions'),
      codes: elsewhere<Pick<SecondSteps, 'has' | 'check'>>(line, 'codes'),
      guard: all,
      desk: { sessions, end, endFrom, status, drain, restart, logLines, followLog, guard: all },
      transfers,
      clock,
      log,
      failed,
      pid: process.pid,
      listen: begin.listen,
      oneOf: {
        number,
        of,
        expect: (account) => void holdings.whose(account).catch(failed),
        place: placed(holdings, number, (owner) => farPath(folder, owner)),
      },
    }),
  )
  const door = life.use(
    await openFarDoor({
      path: farPath(folder, number),
      handlerFor: service.handlerFor,
      enter: holdings.enter,
      log,
      clock,
      queued: () => settings.now['max-queued'],
      umask: around.umask,
    }),
  )
  await line.ask('serving')
  const { ms, replaced } = await stop
  await Promise.all([replaced ? service.porch.retire(ms) : service.porch.drain(ms), door.drain(ms)])
}

/** A session is served where its account is, be it in another process. Where that cannot be known now, it says so. */
export function placed(
  holdings: Pick<Holdings, 'whose' | 'enter'>,
  self: number,
  pathOf: (owner: number) => string,
) {
  return (handler: SessionHandler): SessionHandler =>
    async (session) => {
      const { account } = session.identity
      for (let moves = 0; moves < MOST_MOVES; moves++) {
        let owner: number
        try {
          owner = await holdings.whose(account)
        } catch (error) {
          return refuse(session, error)
        }
        if (owner === self) {
          using here = holdings.enter(account)
          if (here !== undefined) return await handler(session)
          continue
        }
        const status = await serveFar(session, pathOf(owner))
        if (status !== undefined) return status
      }
      return refuse(
        session,
        new OpError('EBUSY', `"${account}" moves from process to process: try again in a moment`),
      )
    }
}

function siblingsOver(line: Line, answers: Answers): Siblings {
  // The primary at least.
  let count = 1
  answers.set('count', (told) => {
    count = Number(told)
  })
  return {
    get count() {
      return count
    },
    ask: async (word, data) => (await line.ask('others', { word, data })) as readonly unknown[],
    answer: (word, how) => void answers.set(word, how),
  }
}
