import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const SCREENS = join(import.meta.dirname, '../screens')
/** How long a screen may take to show what is waited for; a machine with every test at work is slow. */
const PATIENCE_MS = 40_000
const LOOK_MS = 25
/** Looks that must show the same. */
const STILL_LOOKS = 4

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
  } = {},
): Promise<Terminal> {
  const { columns = 80, rows = 24, env = {}, cwd } = options
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
  const fact = async (name: string): Promise<string> =>
    (await tmux('display-message', '-p', `#{${name}}`)).trim()
  const screen = async (): Promise<string> =>
    (await tmux('capture-pane', '-p'))
      .split('\n')
      .map((text) => text.trimEnd())
      .join('\n')
      .trimEnd()
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    for (const late = Date.now() + PATIENCE_MS; Date.now() < late; await sleep(LOOK_MS)) {
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
  return {
    type: async (text) => void (await tmux('send-keys', '-l', text)),
    press: async (...keys) => void (await tmux('send-keys', ...keys)),
    screen,
    sees: (wanted) => seen(String(wanted), (shown) => wanted.test(shown)),
    until: (wanted) => seen('what is waited for', wanted),
    async still() {
      let same = 0
      let last = await screen()
      return seen('a still screen', (shown) => {
        same = shown === last ? same + 1 : 0
        last = shown
        return same >= STILL_LOOKS
      })
    },
    resize: async (wide, high) => void (await tmux('resize-window', '-x', String(wide), '-y', String(high))),
    lives: async () => (await fact('pane_dead')) === '0',
    ended: () =>
      until('the end', async () =>
        (await fact('pane_dead')) === '1' ? Number(await fact('pane_dead_status')) : undefined,
      ),
    async [Symbol.asyncDispose]() {
      await tmux('kill-server').catch(() => undefined) // It may be gone already.
    },
  }
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
