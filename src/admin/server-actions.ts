import { isIP } from 'node:net'
import { type Actor, CONSOLE_FROM } from '../accounts/actor.ts'
import type { Ban } from '../accounts/guard.ts'
import { neighbourhood, plainAddress } from '../accounts/network.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { parseDuration } from '../base/units.ts'
import type { Desk, LiveRow } from './desk.ts'
import { showTime } from './show.ts'
import type { WordsParts } from './word.ts'

/** Who asks, and what there is to do it with. */
export interface Asked {
  readonly actor: Actor
  readonly parts: WordsParts
}

/** The server that runs. EACCES for who is no admin, ENOTSUP when no server runs. */
export async function deskOf({ actor, parts }: Asked): Promise<Desk> {
  await parts.actions.allow(actor)
  if (parts.desk === undefined) throw new OpError('ENOTSUP', 'No server runs here: start it first')
  return parts.desk
}

/** Ends a connection. ENOENT when it is gone. */
export async function endSession(asked: Asked, id: string): Promise<LiveRow> {
  const desk = await deskOf(asked)
  const row = (await desk.sessions()).find((session) => session.id === id)
  if (row === undefined)
    throw new OpError('ENOENT', `There is no session "${escapeText(id)}": see session list`)
  const { actor, parts } = asked
  await parts.actions.note(actor, { event: 'session ended', account: row.account, address: row.address })
  await desk.end(id)
  return row
}

/** The longest that an admin bans, in ms: ten years. */
const MOST_BAN = 3650 * 86_400_000

/** A ban, and how many connections it ended. */
export interface MadeBan extends Ban {
  readonly ended: number
}

/**
 * Bans an address for a time in ms, and ends its connections. EINVAL when it is no address, or the time cannot
 * be one of a ban; EPERM when the setting lets it in whatever it does, or it is where the admin comes from.
 */
export async function banAddress(asked: Asked, address: string, ms: number): Promise<MadeBan> {
  const { actor, parts } = asked
  const desk = await deskOf(asked)
  checkAddress(address)
  checkSpan(ms)
  if (desk.guard.allowed(address))
    throw new OpError(
      'EPERM',
      `"${escapeText(address)}" is one of guard-allow: take it out of that setting first`,
    )
  if (actor.from !== CONSOLE_FROM && neighbourhood(actor.from) === neighbourhood(address))
    throw new OpError(
      'EPERM',
      `You come from "${escapeText(address)}" yourself: ban it from the console, or from elsewhere`,
    )
  const ban = await desk.guard.ban(address, ms, `by ${actor.name}`)
  const until = new Date(ban.until).toISOString()
  let ended: number | undefined
  try {
    ended = await desk.endFrom(ban.address)
    return { ...ban, ended }
  } finally {
    // It holds, whatever became of the connections.
    const ends = ended === undefined ? {} : { ended }
    await parts.actions.note(actor, { event: 'ban made', address: ban.address, until, ...ends })
  }
}

export function saidOfBan({ address, until, ended }: MadeBan): string {
  const connections =
    ended === 0 ? '' : `; ${ended === 1 ? '1 connection is' : `${ended} connections are`} ended`
  return `"${address}" is banned until ${showTime(until)}${connections}`
}

/** How long a ban is to last, in ms. EINVAL; a bare number too, which some take for seconds and some for minutes. */
export function banSpan(text: string): number {
  if (/^\s*\d+\s*$/.test(text))
    throw new OpError(
      'EINVAL',
      `"${text.trim()}" says no unit: write ${text.trim()}s, ${text.trim()}m or ${text.trim()}h`,
    )
  const ms = parseDuration(text)
  checkSpan(ms)
  return ms
}

/** EINVAL when nobody can be banned for so long, in ms. */
function checkSpan(ms: number): void {
  if (ms < 1000) throw new OpError('EINVAL', 'That ban is over at once: write 1h, or 1s or more')
  if (ms > MOST_BAN) throw new OpError('EINVAL', 'A ban lasts at most ten years: write 3650d or less')
}

/** EINVAL when it is none. */
export function checkAddress(address: string): void {
  if (isIP(plainAddress(address)) === 0)
    throw new OpError('EINVAL', `"${escapeText(address)}" is not an address: write one such as 192.0.2.7`)
}

/** ENOENT when it is not banned. */
export async function liftBan(asked: Asked, address: string): Promise<void> {
  const { guard } = await deskOf(asked)
  const ban = await guard.lift(address)
  if (ban === undefined) throw new OpError('ENOENT', `"${escapeText(address)}" is not banned: see ban list`)
  const until = new Date(ban.until).toISOString()
  await asked.parts.actions.note(asked.actor, { event: 'ban lifted', address: ban.address, until })
}

/** Stops the server as SIGTERM does. `answer` is what is said before it: nobody may hear anything after. */
export async function drainServer(asked: Asked, answer = async (): Promise<void> => {}): Promise<void> {
  const desk = await deskOf(asked)
  await asked.parts.actions.note(asked.actor, { event: 'server drained' })
  await answer()
  await desk.drain()
}

/** Starts the processes of the server anew, one by one. ENOTSUP when it is one alone. */
export async function restartServer(asked: Asked): Promise<void> {
  const desk = await deskOf(asked)
  await desk.restart()
  await asked.parts.actions.note(asked.actor, { event: 'server restarted' })
}
