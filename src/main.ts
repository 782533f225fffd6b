import { isIP, type Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isatty } from 'node:tty'
import type { LiveSessions } from './accounts/account.ts'
import { openGuard } from './accounts/guard.ts'
import { networks } from './accounts/network.ts'
import { knownPasswords } from './accounts/seed.ts'
import { runWords } from './admin/words.ts'
import { systemClock as clock } from './base/clock.ts'
import { type DailyFile, openDailyFile } from './base/daily-file.ts'
import { isOpError, OpError } from './base/error.ts'
import { jsonLog } from './base/json-log.ts'
import type { Message } from './base/line.ts'
import type { Log } from './base/log.ts'
import { endWithReader, outliveReader } from './base/reader.ts'
import { onStopSignal } from './base/stop-signals.ts'
import { VERSION } from './base/version.ts'
import { type CommandLine, loadConfig, usage } from './config.ts'
import { CONSOLE, runConsole } from './console.ts'
import { listenControl } from './control.ts'
import { openDesk } from './desk.ts'
import { takeLock } from './lock.ts'
import { isWorker } from './member.ts'
import { openOffice } from './office.ts'
import { operatorScreen } from './operator.ts'
import { ownFilesError } from './own-files.ts'
import { becomeOwner } from './owner.ts'
import { oldWorkersGone, type Serving, serveAlone, serveByCrew, toldGuard } from './serving.ts'
import { guardRules, type LiveSettings, liveSettings, printSettings, type Settings } from './settings.ts'
import { work } from './worker.ts'
import { openCrew } from './workers.ts'

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
        isFirst: true,
        defaultQuota: () => settings['default-quota'],
      })
    endWithReader(process, 'miniftpd')
    return runConsole(argv, {
      folder: settings.var,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      becomeOwner: () => becomeOwner(settings.var, process),
      openOffice: open,
    })
  }
  const flags = verb === 'serve' ? argv.slice(1) : argv
  const line = loadConfig(flags, process.env)
  if (isWorker(process.env)) {
    await serveAsWorker(line.quiet)
    return 0
  }
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
  // The log has it all.
  outliveReader(process)
  // From the beginning: who reads "listening on" may send a signal at once.
  const stop = Promise.withResolvers<string>()
  stopSignal().then(stop.resolve)
  const settings = liveSettings(first)
  await using life = new AsyncDisposableStack()
  life.use(takeLock(first.var))
  await oldWorkersGone(first.var, clock)
  const { log } = life.use(openLog(settings, quiet))
  onHangup(
    () => rereadSettings(settings, readAgain, log, () => serving?.settingsRead()),
    () => stop.resolve('SIGHUP'),
  )
  const failed = (error: unknown): void => log.error('internal error', error)
  const count = first.workers === 'auto' ? availableParallelism() : first.workers
  const crew = count === 1 ? undefined : openCrew({ count, settings: () => settings.now, clock, log, failed })
  let serving: Serving | undefined
  const office = life.use(
    await openOffice({
      folder: first.var,
      clock,
      live: {
        end: (account, why) => serving?.live.end(account, why),
        changed: (account) => serving?.live.changed(account),
      },
      demo,
      adminPassword: process.env.MINIFTP_ADMIN_PASSWORD,
      failed,
      isFirst: true,
      ...(crew && { siblings: crew.siblings }),
      defaultQuota: () => settings.now['default-quota'],
    }),
  )
  await refuseKnownPasswords(first, await knownPasswords(office.accounts))

  const guard = await openGuard(guardRules(settings), office.store, clock, office.audit)
  const desk = openDesk({
    folder: first.var,
    clock,
    guard: crew === undefined ? guard : toldGuard(guard, crew.siblings, failed),
    places: () => serving!.places(),
    end: (id) => serving!.end(id),
    endFrom: (address) => serving!.endFrom(address),
    drain: () => stop.resolve('drain'),
    restart: () => serving!.restart(),
    process,
    version: VERSION,
  })
  const parts = { settings, office, guard, desk, clock, log, failed, process }
  serving = life.use(await (crew === undefined ? serveAlone(parts) : serveByCrew(crew, parts)))
  const words = { actions: office.actions, now: clock.now, desk }
  const control = (typed: readonly string[], io: Parameters<typeof runWords>[3]) =>
    runWords(typed, CONSOLE, words, io)
  life.use(await listenControl(first.var, control, failed, process.umask))

  greet(serving.address, demo && !quiet && (await knownPasswords(office.accounts)).length > 0)
  const signal = await stop.promise
  log.info('server stops', { signal })
  await serving.drain(settings.now.drain)
  return 0
}

/** One of several processes that serve; the one that started them has the signals, also those of the terminal. */
async function serveAsWorker(quiet: boolean): Promise<void> {
  outliveReader(process)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})
  // Who started it is gone: what this one has open is made good by the next. Not by process.exit, which amid a collection
  // may wait for good for Node's compiler: the next server would wait for us.
  const die = (): void => void process.kill(process.pid, 'SIGKILL')
  process.once('disconnect', die)
  await work({
    process,
    umask: process.umask,
    send: (message) => void process.send?.(message),
    onMessage: (hear) =>
      void process.on('message', (message, socket) => hear(message as Message, socket as Socket)),
    clock,
    openLog: (settings) => openLog(settings, quiet),
  })
  process.off('disconnect', die).once('disconnect', () => process.exit(0))
  process.disconnect()
}

function openLog(settings: LiveSettings, quiet: boolean): { readonly log: Log } & AsyncDisposable {
  const logs = settings.view({ keepDays: 'log-keep-days', level: 'log-level' })
  const file = openDailyFile(join(settings.now.var, 'log'), logs, clock, warn)
  const screen = operatorScreen(console.log, quiet)
  const log = jsonLog({ file, clock, rules: logs, also: screen.show })
  const unforeseen = logUnforeseen(log, file)
  return {
    log,
    async [Symbol.asyncDispose]() {
      unforeseen[Symbol.dispose]()
      screen[Symbol.dispose]()
      await file[Symbol.asyncDispose]()
    },
  }
}

/** What nobody waited for or caught goes to the log, with its stack. As before, the process goes on after the one and ends after the other. */
function logUnforeseen(log: Log, file: Pick<DailyFile, 'flush'>): Disposable {
  const rejected = (error: unknown): void => log.error('internal error', error)
  const thrown = (error: unknown): void => {
    log.error('internal error', error)
    file.flush()
  }
  process.on('unhandledRejection', rejected).off('unhandledRejection', warn)
  process.on('uncaughtExceptionMonitor', thrown)
  return {
    [Symbol.dispose]() {
      process.on('unhandledRejection', warn).off('unhandledRejection', rejected)
      process.off('uncaughtExceptionMonitor', thrown)
    },
  }
}

/** A file that is not good changes nothing. */
function rereadSettings(
  settings: LiveSettings,
  readAgain: () => Settings,
  log: Log,
  changedNow: () => void,
): void {
  try {
    const { changed, waiting } = settings.reread(readAgain())
    changedNow()
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
async function refuseKnownPasswords(
  { host, var: folder }: Pick<Settings, 'host' | 'var'>,
  names: readonly string[],
): Promise<void> {
  const loopback = host === 'localhost' || (isIP(host) !== 0 && networks(['127.0.0.0/8', '::1']).has(host))
  if (loopback || names.length === 0) return
  // To be pasted in another terminal.
  const at = folder === 'var' ? '' : `MINIFTP_VAR='${folder.replaceAll("'", "'\\''")}' `
  throw new OpError(
    'EACCES',
    `Passwords that everybody knows are in use, so only loopback may be listened on, not ${host}: ${names.map((name) => `change it with ${at}npx miniftpd user passwd ${name} --password-stdin`).join(', and ')}`,
  )
}

function greet({ host, port }: { readonly host: string; readonly port: number }, demo: boolean): void {
  const at = host.includes(':') ? `[${host}]` : host
  console.log(`listening on ${at}:${port}`)
  const user = demo ? 'zhangsan' : 'NAME'
  console.log(`  sftp -P ${port} ${user}@${at}`)
  console.log(`  ssh -p ${port} ${user}@${host}`)
  console.log(`  npx miniftp ${user}@${at}:${port}`)
  if (demo) console.log('  accounts to try with: zhangsan/123, admin/password')
}

/** The name of the first signal to stop; a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => onStopSignal(['SIGTERM', 'SIGINT'], process, clock, resolve))
}

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
} catch (thrown) {
  const error = isOpError(thrown) ? thrown : ownFilesError(thrown)
  if (error === undefined) throw thrown
  warn(error)
  process.exitCode = error.code === 'EUSAGE' ? 2 : 1
}
