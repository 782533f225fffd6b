import type { Account, LiveSessions } from './accounts/account.ts'
import type { Clock } from './base/clock.ts'
import { OpError } from './base/error.ts'
import { Lanes } from './base/lane.ts'
import { type Answers, expose, GONE } from './base/line.ts'
import type { Log } from './base/log.ts'
import type { Siblings } from './base/siblings.ts'
import { openClaims } from './claims.ts'
import { type End, type Member, startMember } from './member.ts'
import type { Place } from './place.ts'
import { openReception, type Reception } from './reception.ts'
import type { Settings } from './settings.ts'
import type { Address } from './ssh/listen.ts'

export interface CrewParts {
  readonly count: number
  readonly settings: () => Settings
  readonly clock: Clock
  readonly log: Log
  readonly failed: (error: unknown) => void
}

/** What a worker is told when it begins. */
export interface Begin {
  readonly number: number
  readonly of: number
  readonly settings: Settings
  readonly listen: Address
}

/** That a worker is to end, and how. */
export interface Drain {
  readonly ms: number
  readonly replaced: boolean
}

/** What a worker asks of the primary: functions of these objects. */
export type Exposed = Readonly<Record<'actions' | 'codes' | 'guard' | 'desk', object>>

/** The processes that serve behind one port. This one serves nobody: it has the lock, the signals, the admin's words. */
export interface Crew {
  /** All of them, from this one's side. */
  readonly siblings: Siblings
  readonly live: LiveSessions
  /** Starts all and waits until they listen. EBUSY and its kin when they cannot. */
  start(parts: StartParts): Promise<Address>
  places(): Promise<readonly Place[]>
  /** Whether there was one. */
  end(connection: string): Promise<boolean>
  /** One after the other: a new one first, then the old one drains. EBUSY when it is being done. */
  restart(): void
  drain(ms: number): Promise<void>
}

export interface StartParts {
  readonly exposed: Exposed
  /** Makes good what workers that were killed have left, the one of this number too. */
  readonly settle: (killed: number) => Promise<void>
  /** What a worker must know that joins. */
  readonly news: () => unknown
}

/** How long a worker that drains may take beyond its time, in ms. */
const PATIENCE_MS = 1_000
/** One that ended sooner than this had no good start: the next waits, longer each time. In ms. */
const GOOD_START_MS = 10_000
const LEAST_WAIT_MS = 100
const MOST_WAIT_MS = 10_000

export function openCrew({ count, settings, clock, log, failed }: CrewParts): Crew {
  const members = new Map<number, Member>()
  const words: Answers = new Map()
  const stopping = new AbortController()
  let parts: StartParts | undefined
  let reception: Reception | undefined
  let started = 0
  const settling = new Lanes()
  let failures = 0
  let restarting = false

  const living = (): readonly Member[] => [...members.values()].filter(({ joined, over }) => joined && !over)
  const claims = openClaims({
    letGo: async (number, account) => members.get(number)?.line.ask('let go', account) ?? GONE,
    ending: (number) => {
      const member = members.get(number)
      if (member === undefined) return Promise.resolve()
      return member.over || member.retiring ? member.aftermath.settled() : undefined
    },
  })

  async function ask(word: string, data: unknown, but?: Member): Promise<readonly unknown[]> {
    const others = living().filter((member) => member !== but)
    const answers = await Promise.all(others.map(({ line }) => line.ask(word, data)))
    return answers.filter((answer) => answer !== GONE)
  }

  const siblings: Siblings = {
    get count() {
      return living().length
    },
    ask,
    answer: (word, how) => void words.set(word, how),
  }

  /** What the others answer, this process too. */
  async function askFor(asking: Member, { word, data }: { readonly word: string; readonly data: unknown }) {
    const own = words.get(word)
    const mine = own === undefined ? [] : [own(data)]
    return Promise.all([...(await ask(word, data, asking)), ...mine])
  }

  function tellCounts(): void {
    for (const { line } of living()) line.ask('count', living().length).catch(failed)
  }

  function answersOf(member: () => Member): Answers {
    const answers: Answers = new Map()
    answers.set(
      'begin',
      (): Begin => ({ number: member().number, of: count, settings: settings(), listen: reception!.address }),
    )
    answers.set('others', (data) => askFor(member(), data as { word: string; data: unknown }))
    answers.set('claim', (account) => claims.claim(String(account), member().number))
    answers.set('joined', () => {
      member().joined = true
      tellCounts()
      return parts?.news()
    })
    answers.set('serving', () => {
      member().serving.resolve()
      if (!member().retiring) reception!.join(member())
    })
    answers.set('failed', (data) => {
      const { code, message } = data as Pick<OpError, 'code' | 'message'>
      member().serving.reject(new OpError(code, message))
    })
    for (const [word, object] of Object.entries(parts!.exposed))
      expose(answers, word, object as Readonly<Record<string, unknown>>)
    return answers
  }

  function spawn(): Member {
    const over = (member: Member, how: End): void => void ended(member, how).catch(failed)
    const stop = stopping.signal
    const member = startMember({ number: ++started, answersOf, ended: over, clock, stop, failed })
    members.set(member.number, member)
    return member
  }

  async function ended(member: Member, { status, signal }: End): Promise<void> {
    member.over = true
    reception!.leave(member)
    member.line.cut()
    const how = signal ?? (status === null ? 'it could not be started' : `status ${status}`)
    member.serving.reject(new OpError('EIO', `A worker ended (${how}) before it listened: see the log`))
    tellCounts()
    const unasked = status !== 0 || !member.retiring
    if (unasked) log.error('worker ended', new Error(`Worker ${member.number} ended: ${how}`))
    // One after the other: what the one makes good the other must not look for.
    await member.aftermath.settle(async () => {
      if (unasked) await settling.run('all', () => parts!.settle(member.number))
    })
    members.delete(member.number)
    if (!member.retiring && !member.replaced && !stopping.signal.aborted) await replace(member)
  }

  /** Of one that nobody told to end. */
  async function replace({ since }: Member): Promise<void> {
    failures = clock.elapsed() - since < GOOD_START_MS ? failures + 1 : 0
    for (; !stopping.signal.aborted; failures++) {
      const wait = failures === 0 ? 0 : Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** failures)
      await clock.sleep(wait, stopping.signal).catch(() => {})
      if (stopping.signal.aborted) return
      try {
        spawn()
        return
      } catch (error) {
        // No memory for a process, say: there may be some later.
        failed(error)
      }
    }
  }

  /** `replaced`: another one takes the newcomers. */
  async function retire(member: Member, ms: number, replaced = false): Promise<void> {
    member.retiring = true
    reception!.leave(member)
    member.line.ask('drain', { ms, replaced } satisfies Drain).catch(failed)
    const patience = new AbortController()
    const late = clock.sleep(ms + PATIENCE_MS, patience.signal).then(
      () => void member.process.kill('SIGKILL'),
      () => {},
    )
    await member.aftermath.over
    patience.abort()
    await late
  }

  async function restartAll(): Promise<void> {
    for (const old of living()) {
      if (stopping.signal.aborted) return
      if (old.over) continue
      old.replaced = true
      let fresh: Member | undefined
      try {
        fresh = spawn()
        await fresh.serving.promise
      } catch (error) {
        // The old one keeps its place, which the new one was for.
        old.replaced = false
        if (fresh !== undefined) fresh.replaced = !old.over
        throw error
      }
      log.info('worker restarts', { worker: old.number })
      await retire(old, settings().drain, true)
    }
  }

  return {
    siblings,
    live: {
      end: (account: string, why: string) => ask('end account', { account, why }).then(() => {}),
      changed: (account: Account) => ask('account changed', account).then(() => {}),
    },
    async start(given) {
      parts = given
      const { host, port } = settings()
      const mostWaiting = (): number => settings()['max-unauthenticated']
      reception = await openReception({ listen: { host, port }, mostWaiting, clock, failed })
      try {
        const first = Array.from({ length: count }, spawn)
        await Promise.all(first.map(({ serving }) => serving.promise))
      } catch (error) {
        stopping.abort()
        reception.close()
        await Promise.all([...members.values()].map((member) => retire(member, 0)))
        throw error
      }
      return reception.address
    },
    places: async () => (await ask('look', undefined)) as readonly Place[],
    end: async (connection) => (await ask('end connection', connection)).includes(true),
    restart() {
      if (restarting)
        throw new OpError('EBUSY', 'The processes are being started anew already: wait a moment')
      restarting = true
      restartAll()
        .catch(failed)
        .finally(() => {
          restarting = false
        })
    },
    async drain(ms) {
      stopping.abort()
      reception?.close()
      await Promise.all([...members.values()].map((member) => retire(member, ms)))
    },
  }
}
