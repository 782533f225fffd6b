import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { createInterface } from 'node:readline'
import { systemClock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { statusOfError } from '../commands/language.ts'
import { digests } from '../transfer/digest.ts'
import { virtualPath } from '../vfs/path.ts'
import { type Asked, parseArguments, type Settings, USAGE } from './arguments.ts'
import { askingBy } from './ask.ts'
import { openBar } from './bar.ts'
import { type Dialer, dialerFor } from './connect.ts'
import { openHistory } from './history.ts'
import { linkOver } from './link.ts'
import { openDisk } from './local-disk.ts'
import { fetchFiles, type MoveParts, sendFiles } from './moves.ts'
import { linesOf, wordOf } from './one-shot.ts'
import { bytesOf } from './plans.ts'
import { converse, openSides, script } from './prompt.ts'
import type { Target } from './target.ts'
import { jsonReport, personReport, type Report } from './watchers.ts'
import { clientWords } from './words.ts'
import { wrapped } from './wrapped.ts'

/** The program `miniftp`. */
async function main(): Promise<number> {
  const asked = parseArguments(process.argv.slice(2))
  if (asked.do === 'help') {
    console.log(USAGE)
    return 0
  }
  if (asked.do === 'version') {
    const file = new URL('../../package.json', import.meta.url)
    console.log(`miniftp ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`)
    return 0
  }
  return work(asked)
}

async function work(asked: Exclude<Asked, { do: 'help' | 'version' }>): Promise<number> {
  const { settings } = asked
  const stop = stopper()
  const { signal } = stop
  const report = reportFor(settings)
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
      throw signal.aborted ? new OpError('ECANCELED', STOPPED, { cause: error }) : error
    }
  }

  const folders = {
    local,
    remote: await link.lasting(
      signal,
      () => 0,
      ({ vfs }) => vfs.home(),
    ),
  }
  /** One transfer of a prompt, with a report of its own. */
  const moved = async (
    now: AbortSignal,
    move: (parts: MoveParts) => Promise<readonly OpError[]>,
  ): Promise<void> => {
    current = reportFor(settings)
    const parts = {
      ...common,
      report: current,
      signal: now,
      folder: folders.local,
      remoteFolder: folders.remote,
    }
    const errors = await move(parts)
      .catch((error: unknown) => {
        if (now.aborted) throw new OpError('ECANCELED', STOPPED, { cause: error })
        throw error
      })
      .finally(() => current.over())
    if (errors.length > 0)
      throw new OpError(
        errors[0]!.code,
        errors.length === 1 ? 'It was not moved' : `${errors.length} files were not moved`,
      )
  }
  const words = clientWords(
    {
      send: (sources, target, wishes, now) =>
        moved(now, (parts) => sendFiles(sources, target, wishes, parts)),
      fetch: (sources, target, wishes, now) =>
        moved(now, (parts) => fetchFiles(sources, target, wishes, parts)),
    },
    settings.wishes,
  )
  const screen = {
    write: (bytes: Uint8Array) =>
      new Promise<void>((resolve) => void process.stdout.write(bytes, () => resolve())),
    print: (line: string) => console.log(line),
    complain: says(process.stderr),
    columns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
    colours: process.stdout.isTTY && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb',
  }
  const sides = openSides({ words, link, disk, digests: hash, user: dialer.user, screen, folders, signal })
  if (asked.do !== 'prompt') {
    for (const line of linesOf(asked)) await sides.run(line, signal)
    return 0
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    return await script(sides, createInterface({ input: process.stdin }), signal)

  const history = await openHistory(process.env, homedir())
  screen.complain(
    `Connected to ${dialer.host}:${dialer.port} as ${dialer.user}. help lists the words, bye leaves.`,
  )
  const status = await converse({
    sides,
    input: process.stdin,
    output: process.stdout,
    complain: screen.complain,
    name: dialer.user,
    history: history.lines,
    signal,
  })
  await history.save()
  return status
}

const STOPPED = 'Stopped. What was moved is kept: say the same again to go on from there'

/** ^C stops in order; a second one at once. */
function stopper(): AbortController {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(130)
      stop.abort()
    })
  return stop
}

/** Sentences for a person: at a terminal they are broken between words. */
function says(stream: NodeJS.WriteStream): (line: string) => void {
  return (line) => void stream.write(`${stream.isTTY ? wrapped(line, stream.columns) : line}\n`)
}

function reportFor({ json, quiet }: Settings): Report {
  const parts = {
    clock: systemClock,
    print: json ? (line: string) => console.log(line) : says(process.stdout),
    complain: says(process.stderr),
  }
  if (json) return jsonReport(parts)
  const bar = !quiet && process.stdout.isTTY && process.stderr.isTTY ? openBar(process.stderr) : undefined
  return personReport(parts, bar, quiet)
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
  says(process.stderr)(`miniftp: ${error.message}`)
  process.exitCode = statusOfError(error)
}
