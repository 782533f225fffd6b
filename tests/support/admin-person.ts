import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import ssh2 from 'ssh2'
import { runExec } from './run-exec.ts'
import type { TestServer } from './start-server.ts'

/** How long a question may take to come; a machine with every test at work is slow. */
const PATIENCE_MS = 60_000
const BYTES: Readonly<Record<string, string>> = { Enter: '\r', Escape: '\x1b', 'C-u': '\x15', 'C-c': '\x03' }

/** An admin at the menu over a real connection, without the cost of a real terminal. */
export interface AdminPerson extends Disposable {
  /** Keys by tmux' names; `=text` as it is typed. */
  press(...keys: readonly string[]): void
  /** Waits for what is shown since the last call. */
  sees(wanted: RegExp): Promise<string>
  /** Goes to an item of the menu and into it. */
  goTo(item: string): Promise<void>
  exec(command: string, input?: string): Promise<{ readonly status: number; readonly said: string }>
  /** Cuts the connection without a word. */
  cut(): void
  /** The menu's exit status, when it has ended. */
  readonly ended: Promise<number>
  /** The connection is gone. */
  readonly closed: Promise<unknown>
}

/** By the key of the test's server, in a terminal of 80x24. */
export async function adminPerson(server: TestServer, username = 'grace'): Promise<AdminPerson> {
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  client.connect({
    host: server.host,
    port: server.port,
    username,
    privateKey: readFileSync(server.key),
    readyTimeout: PATIENCE_MS,
  })
  await ready
  client.on('error', () => {})
  const closed = once(client, 'close')
  const opened = (open: (done: (error: Error | undefined, channel: ssh2.ClientChannel) => void) => void) =>
    new Promise<ssh2.ClientChannel>((resolve, reject) =>
      open((error, channel) => (error ? reject(error) : resolve(channel))),
    )
  const menu = await opened((done) => client.shell({ rows: 24, cols: 80, term: 'xterm' }, done))
  let shown = ''
  /** Since the screen was last cleared. */
  let screen = ''
  let look = (): void => {}
  menu.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    screen = (screen + text).split('\x1b[H\x1b[J').at(-1)!
    look()
  })
  menu.on('close', () => look())
  const ended = once(menu, 'exit').then(([status]) => Number(status))
  ended.catch(() => {})

  async function until<T>(what: string | RegExp, find: () => T | undefined): Promise<T> {
    const late = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (late.aborted || menu.destroyed)
        throw new Error(`${what} did not come, but ${stripVTControlCharacters(shown).slice(-2000)}`)
      await new Promise<void>((resolve) => {
        look = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  const self: AdminPerson = {
    press(...keys) {
      for (const key of keys) menu.write(key.startsWith('=') ? key.slice(1) : (BYTES[key] ?? key))
    },
    sees: (wanted) =>
      until(wanted, () => {
        const text = stripVTControlCharacters(shown)
        if (!wanted.test(text)) return undefined
        shown = ''
        return text
      }),
    async goTo(item) {
      const marked = (): string | undefined =>
        /.*▸ (.*?) {2}.*Esc goes to Exit/s.exec(stripVTControlCharacters(screen))?.[1]
      let at = await until('the menu', marked)
      while (at !== item) {
        const before = at
        self.press(`=${item[0]!.toLowerCase()}`)
        at = await until('the next item', () => (marked() === before ? undefined : marked()))
      }
      self.press('Enter')
    },
    async exec(command, input) {
      const { status, stdout, stderr } = await runExec(client, command, input)
      return { status, said: stdout + stderr }
    },
    cut: () => void client.destroy(),
    ended,
    closed,
    [Symbol.dispose]: () => void client.end(),
  }
  return self
}
