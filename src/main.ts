import { isIP } from 'node:net'
import { join } from 'node:path'
import { isatty } from 'node:tty'
import type { Identity, LiveSessions } from './accounts/account.ts'
import { authenticatorOver } from './accounts/authenticator.ts'
import { openGuard } from './accounts/guard.ts'
import { neighbourhood, networks } from './accounts/network.ts'
import { knownPasswords } from './accounts/seed.ts'
import { adminExec } from './admin/exec.ts'
import { menu } from './admin/menu.ts'
import { runWords } from './admin/words.ts'
import { systemClock as clock } from './base/clock.ts'
import { openDailyFile } from './base/daily-file.ts'
import { descriptorLimit, firstOfReserve } from './base/descriptors.ts'
import { isOpError, OpError } from './base/error.ts'
import { jsonLog } from './base/json-log.ts'
import { markOf, processLives, processName } from './base/living.ts'
import type { Fields, Log } from './base/log.ts'
import { languageOf } from './commands/language.ts'
import { COMMANDS } from './commands/table.ts'
import { type CommandLine, loadConfig, usage } from './config.ts'
import { CONSOLE, runConsole } from './console.ts'
import { listenControl } from './control.ts'
import { openDesk } from './desk.ts'
import { type Door, openDoor } from './door.ts'
import { takeLock } from './lock.ts'
import { openOffice } from './office.ts'
import { operatorLine } from './operator.ts'
import { isScp, scp } from './scp/scp.ts'
import { type LiveSettings, liveSettings, printSettings, type Settings } from './settings.ts'
import { sftp } from './sftpd/subsystem.ts'
import { exec } from './shell/exec.ts'
import { shell } from './shell/shell.ts'
import { openHostKeys } from './ssh/hostkeys.ts'
import { serve } from './ssh/server.ts'
import type { SessionHandler, SessionRequest } from './ssh/session.ts'
import { digests } from './transfer/digest.ts'
import { liveTransfers } from './transfer/live.ts'
import { settleFresh } from './vfs/fresh.ts'
import { openHomes } from './vfs/home.ts'

/** `miniftpd serve …`, `miniftpd WORDS`: the exit status. */
async function main(argv: readonly string[]): Promise<number> {
  const [verb] = argv
  const serving = verb === undefined || verb === 'serve' || verb.startsWith('-')
  if (!serving) {
    const { settings, demo } = loadConfig([], process.env)
    const open = () =>
      openOffice({
        folder: settings.var,
        clock,
        live: nobody,
        demo,
        adminPassword: process.env.MINIFTP_ADMIN_PASSWORD,
        failed: warn,
        defaultQuota: () => settings['default-quota'],
      })
    return runConsole(argv, {
      folder: settings.var,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      openOffice: open,
    })
  }
  const flags = verb === 'serve' ? argv.slice(1) : argv
  const line = loadConfig(flags, process.env)
  if (line.print.length === 0) return serveUntilStopped(line, () => loadConfig(flags, process.env).settings)
  const texts = {
    help: usage,
    version: () => VERSION,
    'print-config': () => printSettings(line.settings),
    check: () => 'The settings are good',
  }
  for (const name of line.print) console.log(texts[name]())
  return 0
}

async function serveUntilStopped(
  { settings: first, quiet, demo }: CommandLine,
  readAgain: () => Settings,
): Promise<number> {
  // From the beginning: who reads "listening on" may send a signal at once.
  const stop = Promise.withResolvers<string>()
  stopSignal().then(stop.resolve)
  const settings = liveSettings(first)
  await using life = new AsyncDisposableStack()
  life.use(takeLock(first.var))
  const logs = settings.view({ keepDays: 'log-keep-days', level: 'log-level' })
  const file = life.use(openDailyFile(join(first.var, 'log'), logs, clock, warn))
  const show = (level: string, event: string, fields: Fields): void => {
    const text = quiet && level !== 'error' ? undefined : operatorLine(level, event, fields)
    if (text !== undefined) console.log(text)
  }
  const log = jsonLog({ file, clock, rules: logs, also: show })
  onHangup(
    () => rereadSettings(settings, readAgain, log),
    () => stop.resolve('SIGHUP'),
  )
  const live: LiveSessions = {
    end: (account) => porch?.sessions.end(account),
    changed: (account) => door?.changed(account),
  }
  let door: Door | undefined
  let porch: Awaited<ReturnType<typeof serve>> | undefined
  const failed = (error: unknown): void => log.error('internal error', error)
  const office = life.use(
    await openOffice({
      folder: first.var,
      clock,
      live,
      demo,
      adminPassword: process.env.MINIFTP_ADMIN_PASSWORD,
      failed,
      defaultQuota: () => settings.now['default-quota'],
    }),
  )
  await refuseKnownPasswords(first.host, await knownPasswords(office.accounts))

  const guard = await openGuard(
    settings.view({
      threshold: 'guard-threshold',
      windowMs: 'guard-window',
      banMs: 'guard-ban',
      allow: 'guard-allow',
    }),
    office.store,
    clock,
    office.audit,
  )
  const homes = life.use(
    await openHomes({
      folder: first.var,
      openBook: office.ledger.open,
      clock,
      uploads: office.uploads,
      process: processName(markOf(process.pid)),
      lives: processLives,
      rules: settings.view({
        overwrite: 'overwrite',
        durable: 'durable',
        keepMs: 'keep-replaced',
        partMs: 'keep-parts',
      }),
      mostDescriptor: firstOfReserve(descriptorLimit(), first['descriptor-reserve']),
    }),
  )
  const transfers = liveTransfers()
  settleFresh(office.fresh, processLives, clock)
  const fresh = { store: office.fresh, process: processName(markOf(process.pid)) }
  door = openDoor({ accounts: office.accounts, homes, clock, transfers, fresh })
  const { open, admit } = door
  const hash = life.use(digests())
  const files = sftp({ open, hash, live: transfers, maxHandles: () => settings.now['max-handles'] })
  const copies = scp({ open })
  const language = languageOf(COMMANDS)
  const commands = exec({ open, hash, language, live: transfers, now: clock.now })
  const histories = new Map<string, string[]>()
  const history = (account: string): string[] =>
    histories.get(account) ?? histories.set(account, []).get(account)!
  const idleMs = (): number => settings.now['idle-shell']
  const prompts = shell({ open, hash, language, history, idleMs, live: transfers, now: clock.now })
  const desk = openDesk({
    folder: first.var,
    clock,
    guard,
    transfers,
    porch: () => porch,
    drain: () => stop.resolve('drain'),
    process,
    version: VERSION,
  })
  const words = { actions: office.actions, now: clock.now, desk }
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

  porch = life.use(
    await serve({
      listen: first,
      hostKeys: await openHostKeys(first.hostkeys),
      limits: settings.view({
        graceMs: 'login-grace',
        tries: 'login-tries',
        channels: 'max-channels',
        idleMs: 'idle',
        unauthenticated: 'max-unauthenticated',
        silentPerAddress: 'max-silent-per-address',
        silentMs: 'silent-time',
        leastPacket: 'least-packet',
        queued: 'max-queued',
        rekeyBytes: 'rekey-bytes',
        rekeyMs: 'rekey-time',
        keepaliveMs: 'keepalive',
        keepaliveTries: 'keepalive-tries',
      }),
      log,
      clock,
      authenticator: authenticatorOver({
        accounts: office.accounts,
        passwords: office.passwords,
        guard,
        codes: office.codes,
        clock,
        audit: office.audit,
      }),
      handlerFor,
      dataPath: first['data-path'],
      ciphers: first.ciphers,
      banned: (address) => guard.banned(address)?.reason,
      rubbish: (address) => void guard.record(address, 'protocol rubbish').catch(failed),
      neighbourhood,
    }),
  )
  const control = (typed: readonly string[], io: Parameters<typeof runWords>[3]) =>
    runWords(typed, CONSOLE, words, io)
  life.use(await listenControl(first.var, control, failed, process.umask))

  greet(porch.address, demo && !quiet && (await knownPasswords(office.accounts)).length > 0)
  const signal = await stop.promise
  log.info('server stops', { signal })
  await porch.drain(settings.now.drain)
  return 0
}

/** A file that is not good changes nothing. */
function rereadSettings(settings: LiveSettings, readAgain: () => Settings, log: Log): void {
  try {
    const { changed, waiting } = settings.reread(readAgain())
    log.info('settings read', { changed: changed.join(', '), waiting: waiting.join(', ') })
  } catch (error) {
    if (!isOpError(error)) throw error
    log.warn('settings not read', { reason: error.message })
  }
}

/** SIGHUP asks to read the settings again, and it comes when the terminal that we write to is closed. */
function onHangup(reread: () => void, closed: () => void): void {
  const terminal = isatty(1)
  process.on('SIGHUP', () => (terminal && !isatty(1) ? closed() : reread()))
}

/** Passwords that everybody knows must not be reachable by everybody. EACCES. */
async function refuseKnownPasswords(host: string, names: readonly string[]): Promise<void> {
  const loopback = host === 'localhost' || (isIP(host) !== 0 && networks(['127.0.0.0/8', '::1']).has(host))
  if (loopback || names.length === 0) return
  throw new OpError(
    'EACCES',
    `Passwords that everybody knows are in use, so only loopback may be listened on, not ${host}: ${names.map((name) => `change it with npx miniftpd user passwd ${name} --password-stdin`).join(', and ')}`,
  )
}

function greet({ host, port }: { readonly host: string; readonly port: number }, demo: boolean): void {
  const at = host.includes(':') ? `[${host}]` : host
  console.log(`listening on ${at}:${port}`)
  const user = demo ? 'zhangsan' : 'NAME'
  console.log(`  sftp -P ${port} ${user}@${host}`)
  console.log(`  ssh -p ${port} ${user}@${host}`)
  console.log(`  npx miniftp ${user}@${at}:${port}`)
  if (demo) console.log('  accounts to try with: zhangsan/123, admin/password')
}

/** The name of the first signal to stop; a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.once(name, () => {
        resolve(name)
        process.once(name, () => process.exit(130))
      })
    }
  })
}

/** As package.json has it. */
const VERSION = '0.1.0'

const nobody: LiveSessions = { end() {}, changed() {} }

function warn(error: unknown): void {
  console.error(`miniftpd: ${error instanceof Error ? error.message : String(error)}`)
}

process.umask(0o022)
// The terminals that are served are others': readline would take them all for dumb ones.
if (process.env.TERM === 'dumb') delete process.env.TERM
process.on('unhandledRejection', warn)
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!isOpError(error)) throw error
  warn(error)
  process.exitCode = error.code === 'EUSAGE' ? 2 : 1
}
