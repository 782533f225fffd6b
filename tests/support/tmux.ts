import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const SCREENS = join(import.meta.dirname, '../screens')
/** How long a screen may take to show what is waited for; a machine with every test at work is slow. */
const PATIENCE_MS = 40_000
/** How long to wait for output before a look at what comes without any. */
const LOOK_MS = 200
/** How long a screen must not change to be still. */
const QUIET_MS = 150

const call = promisify(execFile)

/** A program in a real terminal, and what its screen shows. */
export interface Terminal extends AsyncDisposable {
  /** Text as it is typed. */
  type(text: string): Promise<void>
  /** Keys by tmux' names: Enter, Escape, Up, C-c … */
  press(...keys: readonly string[]): Promise<void>
  /** The screen as it is, without the spaces at the ends of its lines. */
  screen(): Promise<string>
  /** Waits until the screen matches; rejects with the screen when it does not come to that. */
  sees(wanted: RegExp): Promise<string>
  /** The same for what a pattern cannot say. */
  until(wanted: (screen: string) => boolean): Promise<string>
  /** The screen once it has not changed for a few looks: what was drawn in several pieces is whole. */
  still(): Promise<string>
  /** Waits until the screen, seen through `mask`, is the one committed in tests/screens. */
  shows(name: string, mask?: (screen: string) => string): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** Whether the program is still there. */
  lives(): Promise<boolean>
  /** Waits for its end, and gives its exit status. */
  ended(): Promise<number>
}

/** Runs a program in a terminal of its own, that stays when the program ends. Whoever opens it disposes of it. */
export async function openTerminal(
  command: readonly string[],
  options: {
    readonly columns?: number
    readonly rows?: number
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    /** How long something may take that is waited for, in ms. */
    readonly patience?: number
  } = {},
): Promise<Terminal> {
  const { columns = 80, rows = 24, env = {}, cwd, patience = PATIENCE_MS } = options
  const socket = `miniftp-${randomBytes(6).toString('hex')}`
  const tmux = async (...words: readonly string[]): Promise<string> =>
    (await call('tmux', ['-L', socket, '-f', '/dev/null', ...words])).stdout
  const given = Object.entries({ LC_ALL: 'C.UTF-8', ...env }).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ])
  const size = ['-x', String(columns), '-y', String(rows)]
  const where = cwd === undefined ? [] : ['-c', cwd]
  const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  // The pane stays when its program ends, so that the last screen and the status can be read.
  await tmux(
    ...['start-server', ';', 'set-option', '-g', 'remain-on-exit', 'on', ';'],
    ...['set-option', '-g', 'status', 'off', ';', 'set-option', '-g', 'escape-time', '0', ';'],
    ...['set-option', '-g', 'default-terminal', 'screen-256color', ';'],
    ...['new-session', '-d', ...size, ...given, ...where, line],
  )
  const control = await openControl(socket)
  const fact = async (name: string): Promise<string> =>
    (await control.ask('display-message', '-p', `#{${name}}`)).trim()
  const screen = async (): Promise<string> =>
    (await control.ask('capture-pane', '-p'))
      .split('\n')
      .map((text) => text.trimEnd())
      .join('\n')
      .trimEnd()
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    for (const late = Date.now() + patience; Date.now() < late; await control.output(LOOK_MS)) {
      const found = await look()
      if (found !== undefined) return found
    }
    throw new Error(`${what} did not come; the screen is\n${await screen()}`)
  }
  const seen = (what: string, wanted: (shown: string) => boolean): Promise<string> =>
    until(what, async () => {
      const shown = await screen()
      return wanted(shown) ? shown : undefined
    })
  const still = async (): Promise<string> => {
    let last = await screen()
    return until('a still screen', async () => {
      if (await control.output(QUIET_MS)) last = await screen()
      const shown = await screen()
      const same = shown === last
      last = shown
      return same ? shown : undefined
    })
  }
  return {
    async type(text) {
      // A line of control mode ends at a line feed: that key has a name.
      for (const [at, line] of text.split('\n').entries()) {
        if (at > 0) await control.ask('send-keys', 'C-j')
        if (line !== '') await control.ask('send-keys', '-l', line)
      }
    },
    press: async (...keys) => void (await control.ask('send-keys', ...keys)),
    screen,
    sees: (wanted) => seen(String(wanted), (shown) => wanted.test(shown)),
    until: (wanted) => seen('what is waited for', wanted),
    still,
    async shows(name, mask = (shown) => shown) {
      const wanted = committed(name)
      // A slow machine draws in pieces: what is waited for is the whole.
      if (wanted !== undefined) await seen(name, (shown) => `${mask(shown)}\n` === wanted).catch(() => {})
      sameScreen(name, mask(wanted === undefined ? await still() : await screen()))
    },
    resize: async (wide, high) =>
      void (await control.ask('resize-window', '-x', String(wide), '-y', String(high))),
    lives: async () => (await fact('pane_dead')) === '0',
    ended: () =>
      until('the end', async () => {
        if ((await fact('pane_dead')) !== '1') return undefined
        // The terminal is closed before tmux has heard how the program ended, and it may miss that: the end of another makes it look.
        const status = await fact('pane_dead_status')
        if (status !== '') return Number(status)
        await control.ask('run-shell', 'true')
        return undefined
      }),
    async [Symbol.asyncDispose]() {
      control[Symbol.dispose]()
      await tmux('kill-server').catch(() => undefined) // It may be gone already.
    },
  }
}

/** tmux' control mode: commands to one process that stays, and word of each output. */
async function openControl(socket: string) {
  const words = ['-u', '-L', socket, '-C', 'attach-session', '-f', 'ignore-size']
  const child = spawn('tmux', words, { stdio: ['pipe', 'pipe', 'ignore'] })
  const asked: { answer(text: string): void; fail(error: Error): void }[] = []
  let reply: string[] | undefined
  let written = false
  let wake = (): void => {}
  const began = Promise.withResolvers<string>()
  asked.push({ answer: began.resolve, fail: began.reject })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const end = reply === undefined ? undefined : /^%(end|error) \d+ \d+ \d+$/.exec(line)?.[1]
    if (end !== undefined) {
      const text = reply!.join('\n')
      reply = undefined
      if (end === 'end') asked.shift()?.answer(text)
      else asked.shift()?.fail(new Error(`tmux: ${text}`))
    } else if (reply !== undefined) reply.push(line)
    else if (line.startsWith('%begin ')) reply = []
    else if (line.startsWith('%output ')) {
      written = true
      wake()
    }
  })
  child.stdin.on('error', () => {})
  child.once('exit', () => {
    for (const { fail } of asked.splice(0)) fail(new Error('tmux has ended'))
  })
  await began.promise
  return {
    ask(...line: readonly string[]): Promise<string> {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      if (child.exitCode !== null) reject(new Error('tmux has ended'))
      else {
        asked.push({ answer: resolve, fail: reject })
        child.stdin.write(`${line.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}\n`)
      }
      return promise
    },
    /** Waits for output that came since the last call, at most so long; whether there was any. */
    async output(ms: number): Promise<boolean> {
      if (!written) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      const was = written
      written = false
      return was
    },
    [Symbol.dispose]() {
      child.kill()
    },
  }
}

/** The screen in tests/screens; none when it is to be written. */
function committed(name: string): string | undefined {
  const file = join(SCREENS, `${name}.txt`)
  return process.env.UPDATE === '1' || !existsSync(file) ? undefined : readFileSync(file, 'utf8')
}

/** Compares a screen with the one committed in tests/screens; `UPDATE=1` writes it anew, for the review to read. */
export function sameScreen(name: string, shown: string): void {
  const file = join(SCREENS, `${name}.txt`)
  const text = `${shown}\n`
  if (process.env.UPDATE === '1') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return
  }
  assert.ok(existsSync(file), `there is no ${file}: run this test with UPDATE=1 and read what it writes`)
  assert.equal(text, readFileSync(file, 'utf8'))
}
