import { stripVTControlCharacters } from 'node:util'
import { openScreen } from '../../src/admin/screen.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Pty, Session } from '../../src/ssh/session.ts'

/** A terminal with somebody at it: what was shown, and keys to press. Its `screen` is opened when it is first asked for. */
export function person(columns = 80, rows = 24, account = 'grace') {
  const keys: Uint8Array[] = []
  let more = () => {}
  let shown = ''
  let look = () => {}
  const gone = new AbortController()
  const resized: (() => void)[] = []
  const size = { columns, rows }
  const pty: Pty = {
    term: 'xterm',
    get columns() {
      return size.columns
    },
    get rows() {
      return size.rows
    },
    onResize: (listener) => void resized.push(listener),
  }
  async function* input() {
    for (;;) {
      while (keys.length > 0) yield keys.shift()!
      if (gone.signal.aborted) return
      await new Promise<void>((resolve) => {
        more = resolve
      })
    }
  }
  const draining = new AbortController()
  const session = {
    identity: { account, role: 'admin', by: 'password' },
    origin: { address: '192.0.2.1', port: 50_000, client: 'OpenSSH' },
    request: { type: 'shell', pty },
    log: silentLog,
    signal: gone.signal,
    draining: draining.signal,
    channel: {
      input: input(),
      async write(bytes: Uint8Array) {
        shown += Buffer.from(bytes).toString()
        look()
      },
      async writeError() {},
    },
  } as unknown as Session
  let opened: ReturnType<typeof openScreen> | undefined
  return {
    session,
    get screen() {
      opened ??= openScreen(session, pty)
      return opened
    },
    press(text: string) {
      keys.push(Buffer.from(text))
      more()
    },
    /** Waits until `text` was shown since the last call. */
    async sees(text: string) {
      while (!stripVTControlCharacters(shown).includes(text)) {
        await new Promise<void>((resolve) => {
          look = resolve
        })
      }
      const seen = shown
      shown = ''
      return seen
    },
    resize(to: number) {
      size.columns = to
      for (const tell of resized) tell()
    },
    leave() {
      gone.abort()
      more()
    },
    /** The connection is gone; of the keys nobody hears any more. */
    cut() {
      gone.abort()
    },
    drain() {
      draining.abort()
    },
  }
}
