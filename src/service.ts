import type { Account, Authenticator, Identity } from './accounts/account.ts'
import type { Actions } from './accounts/actions.ts'
import { authenticatorOver } from './accounts/authenticator.ts'
import type { Guard } from './accounts/guard.ts'
import { fingerprintOf } from './accounts/keys.ts'
import { neighbourhood } from './accounts/network.ts'
import type { SecondSteps } from './accounts/second-step.ts'
import type { Desk } from './admin/desk.ts'
import { adminExec } from './admin/exec.ts'
import { menu } from './admin/menu.ts'
import type { Audit } from './base/audit.ts'
import type { Clock } from './base/clock.ts'
import { descriptorLimit, firstOfReserve } from './base/descriptors.ts'
import { markOf, processLives, processName } from './base/living.ts'
import type { Log } from './base/log.ts'
import { languageOf } from './commands/language.ts'
import { COMMANDS } from './commands/table.ts'
import { openDoor } from './door.ts'
import type { Office } from './office.ts'
import { isScp, scp } from './scp/scp.ts'
import type { LiveSettings } from './settings.ts'
import { sftp } from './sftpd/subsystem.ts'
import { exec } from './shell/exec.ts'
import { shell } from './shell/shell.ts'
import { type HostKey, openHostKeys } from './ssh/hostkeys.ts'
import { type Porch, serve } from './ssh/server.ts'
import type { SessionHandler, SessionRequest } from './ssh/session.ts'
import { digests } from './transfer/digest.ts'
import type { LiveTransfers } from './transfer/live.ts'
import { type DiskCalls, diskCalls, type Loaded } from './vfs/disk-calls.ts'
import { openHomes } from './vfs/home.ts'

export interface ServiceParts {
  readonly settings: LiveSettings
  readonly office: Pick<Office, 'accounts' | 'passwords' | 'ledger' | 'uploads' | 'fresh' | 'audit'>
  readonly actions: Actions
  readonly codes: Pick<SecondSteps, 'has' | 'check'>
  readonly guard: Guard
  readonly desk: Desk
  readonly transfers: LiveTransfers
  readonly clock: Clock
  readonly log: Log
  readonly failed: (error: unknown) => void
  readonly pid: number
  readonly listen: { readonly host: string; readonly port: number }
  /** This process is one of several that serve the VAR. */
  readonly oneOf?: OneOfSeveral
}

export interface OneOfSeveral {
  /** Its number, and how many there are. */
  readonly number: number
  readonly of: number
  /** The account has shown who it is: its first session is on its way. */
  readonly expect: (account: string) => void
  /** Serves a session where its account is. */
  readonly place: (handler: SessionHandler) => SessionHandler
}

/** What a process that gives an account up has kept in mind of it. */
export interface Luggage {
  /** Lines that were typed. */
  readonly history: readonly string[]
}

/** The porch, the session handlers behind it, and the files behind those: what one process serves. */
export interface Service extends AsyncDisposable {
  readonly porch: Porch
  /** The handler of a session whose account is in this process. */
  readonly handlerFor: (identity: Identity, request: SessionRequest) => SessionHandler | undefined
  changed(account: Account): void
  /** Another process may have the account: nothing of it is left here but what is returned. False: it must stay. */
  letGo(account: string): Promise<Luggage | false>
  /** It comes from another process. */
  receive(account: string, luggage: Luggage): void
}

/** The server's keys; that one was made is in the audit. */
export function hostKeysIn(folder: string, audit: Audit): Promise<readonly HostKey[]> {
  return openHostKeys(folder, ({ type, blob }) =>
    audit.record({ event: 'host key made', type, fingerprint: fingerprintOf({ type, blob }) }),
  )
}

/** Says in the log which account's files cannot be opened. */
export function notOpened(log: Log): (account: string, error: unknown) => void {
  return (account, error) => log.error('home not opened', error, { account })
}

function callsFor(way: 'fast' | 'plain', log: Log): DiskCalls | undefined {
  const { calls, why }: Loaded = way === 'plain' ? { why: 'it is turned off' } : diskCalls()
  if (why !== undefined) log.info('disk calls', { way: 'name by name', why })
  return calls
}

export async function openService(parts: ServiceParts): Promise<Service> {
  const { settings, office, clock, transfers, log, guard, failed, oneOf } = parts
  const first = settings.now
  await using undo = new AsyncDisposableStack()
  const homes = undo.use(
    await openHomes({
      folder: first.var,
      openBook: office.ledger.open,
      clock,
      uploads: office.uploads,
      process: processName(markOf(parts.pid)),
      lives: processLives,
      notOpened: notOpened(log),
      settled: oneOf !== undefined,
      rules: settings.view({
        overwrite: 'overwrite',
        durable: 'durable',
        keepMs: 'keep-replaced',
        partMs: 'keep-parts',
      }),
      mostDescriptor: firstOfReserve(descriptorLimit(), first['descriptor-reserve']),
      calls: callsFor(first['data-path'], log),
    }),
  )
  const fresh = { store: office.fresh, process: processName(markOf(parts.pid)) }
  const door = openDoor({
    accounts: office.accounts,
    homes,
    clock,
    transfers,
    fresh,
    mostSessions: () => settings.now['max-sessions'],
  })
  const { open, admit } = door
  const hash = undo.use(digests())
  const files = sftp({ open, hash, live: transfers, maxHandles: () => settings.now['max-handles'] })
  const copies = scp({ open })
  const language = languageOf(COMMANDS)
  const commands = exec({ open, hash, language, live: transfers, now: clock.now })
  const histories = new Map<string, string[]>()
  const history = (account: string): string[] =>
    histories.get(account) ?? histories.set(account, []).get(account)!
  const idleMs = (): number => settings.now['idle-shell']
  const prompts = shell({ open, hash, language, history, idleMs, live: transfers, now: clock.now })
  const words = { actions: parts.actions, now: clock.now, desk: parts.desk }
  const adminWords = adminExec(words)
  const adminMenu = menu(words)
  const chosen = ({ role }: Identity, request: SessionRequest): SessionHandler | undefined => {
    if (request.type === 'subsystem') return request.name === 'sftp' ? files : undefined
    if (request.type === 'shell') return role === 'admin' ? adminMenu : prompts
    if (isScp(request.command)) return copies
    return role === 'admin' ? adminWords : commands
  }
  const handlerFor: typeof chosen = (identity, request) => {
    const handler = chosen(identity, request)
    return handler && admit(handler)
  }

  const authenticator = authenticatorOver({
    accounts: office.accounts,
    passwords: office.passwords,
    guard,
    codes: parts.codes,
    clock,
    audit: office.audit,
  })
  const porch = undo.use(
    await serve({
      listen: parts.listen,
      handed: oneOf !== undefined,
      hostKeys: await hostKeysIn(first.hostkeys, office.audit),
      limits: limitsOf(settings, oneOf?.of ?? 1),
      log,
      clock,
      authenticator: oneOf === undefined ? authenticator : expecting(authenticator, oneOf.expect),
      handlerFor: (identity, request) => {
        const handler = handlerFor(identity, request)
        return handler && oneOf !== undefined ? oneOf.place(handler) : handler
      },
      dataPath: first['data-path'],
      ciphers: first.ciphers,
      idPrefix: oneOf === undefined ? '' : `${oneOf.number}-`,
      banned: (address) => guard.banned(address)?.reason,
      rubbish: (address) => void guard.record(address, 'protocol rubbish').catch(failed),
      neighbourhood,
    }),
  )
  const closing = undo.move()
  return {
    porch,
    handlerFor,
    changed: door.changed,
    async letGo(account) {
      if (!door.mayLeave(account) || !homes.letGo(account)) return false
      door.forget(account)
      await office.ledger.letGo(account)
      const lines = history(account)
      histories.delete(account)
      return { history: lines }
    },
    receive: (account, luggage) => void histories.set(account, [...luggage.history]),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** While the client hears that it came in, its account is sent for. */
function expecting(authenticator: Authenticator, expect: OneOfSeveral['expect']): Authenticator {
  return {
    ...authenticator,
    async verify(name, credential, origin) {
      const identity = await authenticator.verify(name, credential, origin)
      expect(identity.account)
      return identity
    },
  }
}

/** What is counted over the whole server is shared out among its processes, so that the sum holds. */
function limitsOf(settings: LiveSettings, processes: number) {
  const view = settings.view({
    graceMs: 'login-grace',
    tries: 'login-tries',
    channels: 'max-channels',
    idleMs: 'idle',
    unauthenticated: 'max-unauthenticated',
    silentPerAddress: 'max-silent-per-address',
    silentMs: 'silent-time',
    leastPacket: 'least-packet',
    queued: 'max-queued',
    held: 'max-held',
    rekeyBytes: 'rekey-bytes',
    rekeyMs: 'rekey-time',
    keepaliveMs: 'keepalive',
    keepaliveTries: 'keepalive-tries',
  })
  if (processes === 1) return view
  const shared = (name: 'max-unauthenticated' | 'max-silent-per-address' | 'max-held') => ({
    enumerable: true,
    get: () => Math.max(1, Math.floor(settings.now[name] / processes)),
  })
  return Object.defineProperties({} as typeof view, {
    ...Object.getOwnPropertyDescriptors(view),
    unauthenticated: shared('max-unauthenticated'),
    silentPerAddress: shared('max-silent-per-address'),
    held: shared('max-held'),
  })
}
