import { homedir, userInfo } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { endWithReader, outliveReader } from '../base/reader.ts'
import { onStopSignal } from '../base/stop-signals.ts'
import { VERSION } from '../base/version.ts'
import { statusOfError } from '../commands/failed.ts'
import { digests } from '../transfer/digest.ts'
import { virtualPath } from '../vfs/path.ts'
import { type Asked, parseArguments, type Settings, USAGE } from './arguments.ts'
import { askingBy } from './ask.ts'
import { type Dialer, dialerFor } from './connect.ts'
import { linkOver } from './link.ts'
import { openDisk } from './local-disk.ts'
import { fetchFiles, type MoveParts, sendFiles, stopped } from './moves.ts'
import { wordOf } from './one-shot.ts'
import { bytesOf } from './plans.ts'
import type { Target } from './target.ts'
import { jsonReport, personReport, type Report } from './watchers.ts'

/** The program `miniftp`. */
async function main(): Promise<number> {
  const asked = parseArguments(process.argv.slice(2))
  if (asked.do === 'help') {
    console.log(USAGE)
    return 0
  }
  if (asked.do === 'version') {
    console.log(`miniftp ${VERSION}`)
    return 0
  }
  if (asked.do !== 'put' && asked.do !== 'get') {
    endWithReader(process, 'miniftp')
    return work(asked)
  }
  // What is moved is moved all the same.
  const unwritten = outliveReader(process)
  const status = await work(asked)
  // What was said last is heard of in the next turn.
  await turn()
  const why = unwritten()
  if (why !== undefined) throw new OpError('EIO', why)
  return status
}

async function work(asked: Exclude<Asked, { do: 'help' | 'version' }>): Promise<number> {
  const { settings } = asked
  const stop = stopper()
  const { signal } = stop
  const screen = await openScreen()
  const report = screen.report(settings)
  await using life = new AsyncDisposableStack()
  const dialer = await dialerOf('target' in asked ? asked.target : asked.place, settings, report)
  let current = report
  const link = life.use(
    linkOver({
      dialer,
      clock: systemClock,
      patienceMs: settings.retryMs,
      onLost: (why, waitMs) => current.lost(why, waitMs),
      onBack: () => current.back(),
    }),
  )
  await link.open(signal)
  const disk = life.use(openDisk('/'))
  const hash = life.use(digests())
  const local = virtualPath(bytesOf(process.cwd()))
  const common = { link, disk, digests: hash, lanes: settings.jobs }
  const once: MoveParts = { ...common, report, signal, folder: local, remoteFolder: undefined }
  if (asked.do === 'put' || asked.do === 'get') {
    try {
      const errors =
        asked.do === 'put'
          ? await sendFiles(asked.sources.map(bytesOf), bytesOf(asked.place.path), settings.wishes, once)
          : await fetchFiles(asked.sources.map(wordOf), bytesOf(asked.folder), settings.wishes, once)
      report.over()
      return errors.length === 0 ? 0 : 1
    } catch (error) {
      report.over()
      throw signal.aborted ? stopped(error) : error
    }
  }

  const { talk } = await import('./talk.ts')
  return await talk(asked, {
    ...common,
    dialer,
    local,
    signal,
    env: process.env,
    home: homedir(),
    input: process.stdin,
    output: process.stdout,
    complain: screen.complains,
    report() {
      current = screen.report(settings)
      return current
    },
  })
}

/** ^C stops in order; a second one at once. */
function stopper(): AbortController {
  const stop = new AbortController()
  onStopSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], process, systemClock, () => stop.abort())
  return stop
}

interface Screen {
  readonly complains: (line: string) => void
  report(settings: Settings): Report
}

/** What only a terminal needs is not even loaded where there is none. */
async function openScreen(): Promise<Screen> {
  const { stdout, stderr } = process
  const wrapped = stdout.isTTY || stderr.isTTY ? (await import('../commands/layout.ts')).wrapped : undefined
  const draws = stdout.isTTY && stderr.isTTY && process.env.TERM !== 'dumb'
  const openBar = draws ? (await import('./bar.ts')).openBar : undefined
  /** Sentences for a person: at a terminal they are broken between words. */
  const says =
    (stream: NodeJS.WriteStream) =>
    (line: string): void =>
      void stream.write(`${stream.isTTY && wrapped ? wrapped(line, stream.columns || 80) : line}\n`)
  const complains = says(stderr)
  return {
    complains,
    report({ json, quiet }) {
      const print = json ? (line: string) => console.log(line) : says(stdout)
      const parts = { clock: systemClock, print, complain: complains }
      return json ? jsonReport(parts) : personReport(parts, quiet ? undefined : openBar?.(stderr), quiet)
    },
  }
}

function dialerOf(target: Target, settings: Settings, report: Report): Promise<Dialer> {
  return dialerFor(
    target,
    {
      password: process.env.MINIFTP_PASSWORD,
      keys: settings.keys,
      options: settings.options,
      config: settings.config,
      dataPath: settings.dataPath,
    },
    {
      home: homedir(),
      user: userInfo().username,
      agent: process.env.SSH_AUTH_SOCK,
      ...askingBy(process.env),
      tell: (text) => report.tell(escapeText(text)),
    },
  )
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!isOpError(error)) throw error
  ;(await openScreen()).complains(`miniftp: ${error.message}`)
  process.exitCode = statusOfError(error)
}
