import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { unlessAborted } from '../../../src/shell/cancel.ts'
import { MOST_LINE } from '../../../src/shell/script.ts'
import { shell } from '../../../src/shell/shell.ts'
import type { ByteChannel } from '../../../src/ssh/session.ts'
import { memorySession } from '../../support/memory-channel.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

const IDLE_MS = 60_000
/** Turns after which all that was typed has been dealt with, without a timer. */
const TURNS = 300

/** A shell at a terminal; keys go in by `type`, and what it shows comes out by `shown`. */
function openShell(idleMs = IDLE_MS, history: string[] = []) {
  const { session, channel, abort } = memorySession()
  const vfs = new TinyVfs()
  vfs.put('/x', 'x')
  const keys: Uint8Array[] = []
  let wake = (): void => {}
  let shown = ''
  let resized = (): void => {}
  async function* input(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = keys.shift()
      if (next !== undefined) yield next
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  const bytes: ByteChannel = {
    input: input(),
    async write(chunk) {
      shown += Buffer.from(chunk).toString()
    },
    writeError: async () => {},
    end() {},
    packets: (sink) => channel.packets(sink),
  }
  const serve = shell({
    open: () => vfs,
    language: languageOf(COMMANDS),
    // Never done: until it is cancelled.
    hash: {
      of: (_account, _file, _what, signal) => unlessAborted(new Promise(() => {}), signal!),
      async [Symbol.asyncDispose]() {},
    },
    history: () => history,
    idleMs: () => idleMs,
    now: () => 0,
  })
  let status: number | undefined
  const done = serve({
    ...session,
    channel: bytes,
    request: {
      type: 'shell',
      pty: {
        term: 'xterm',
        columns: 80,
        rows: 24,
        onResize(listener) {
          resized = listener
        },
      },
    },
  }).then((ended) => {
    status = ended
  })
  return {
    shown: () => shown,
    status: () => status,
    resize: () => resized(),
    async type(text: string) {
      keys.push(Buffer.from(text))
      wake()
      for (let at = 0; at < TURNS; at++) await turn()
    },
    async [Symbol.asyncDispose]() {
      abort()
      wake()
      await done
    },
  }
}

const settle = async (): Promise<void> => {
  for (let at = 0; at < TURNS; at++) await turn()
}

test('shell: whoever types is not idle, by each key anew; then it ends, with 0 and a sentence', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using ada = openShell()
  await settle()

  for (const key of ['p', 'w', 'd', '\r', '\x7f']) {
    t.mock.timers.tick(IDLE_MS - 1)
    await ada.type(key)
    assert.equal(ada.status(), undefined, `ended though ${JSON.stringify(key)} was typed`)
  }
  t.mock.timers.tick(IDLE_MS - 1)
  await settle()
  assert.equal(ada.status(), undefined)
  t.mock.timers.tick(1)
  await settle()

  assert.equal(ada.status(), 0)
  assert.match(ada.shown(), /Nothing was typed for 1m: the shell ends here, log in again to go on/)
})

test('shell: one that may be idle for ever is', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using ada = openShell(0)
  await ada.type('pwd\r')

  t.mock.timers.tick(30 * 86_400_000)
  await settle()

  assert.equal(ada.status(), undefined)
})

test('shell: of a line without an end no more is kept than may be run', async () => {
  await using ada = openShell()
  for (let at = 0; at < 4; at++) await ada.type('x'.repeat(MOST_LINE))
  const shown = ada.shown().length
  await ada.type('y'.repeat(MOST_LINE))

  assert.equal(ada.shown().length, shown)
  await ada.type('\r')
  assert.match(ada.shown(), /That line is longer than 8192 characters: it was not run/)
  await ada.type('pwd\r')
  assert.match(ada.shown(), /\r\n\/\r\n/)
})

// Emacs, opening /ssh:ada@host:/, sends this to the prompt and waits without end for what /bin/sh would say.
test('shell: exec, which would put a program in its place, says that it cannot and ends', async () => {
  await using ada = openShell()
  await ada.type('mkdir exec\rexecute\r')
  assert.equal(ada.status(), undefined)

  await ada.type("exec env TERM='dumb' PS1=\\#\\$\\  /bin/sh -i\r")

  assert.equal(ada.status(), 0)
  assert.match(ada.shown(), /Unknown command "exec": no programs are run here, /)
})

test('shell: while a command runs nobody is idle, whatever is typed meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using ada = openShell()
  await ada.type('put\r')
  await ada.type('x')

  t.mock.timers.tick(10 * IDLE_MS)
  await settle()

  assert.doesNotMatch(ada.shown(), /Nothing was typed/)
})

for (const [name, pieces] of [
  ['in one piece with its Return', ['md5 x\r\x03']],
  ['after it has begun', ['md5 x\r', '\x03']],
] as const)
  test(`shell: ^C ends a command, ${name}`, async () => {
    await using ada = openShell()
    for (const piece of pieces) await ada.type(piece)

    assert.match(ada.shown(), /\^C\r\n[^\n]*> [^\n]*$/)
    await ada.type('pwd\r')
    assert.match(ada.shown(), /\r\n\/\r\n/)
  })

test('shell: ^C with the cursor in the midst of a line overwrites none of it', async () => {
  await using ada = openShell()
  await ada.type('abc\x01')
  const before = ada.shown().length
  await ada.type('\x03')

  // To the column behind "ada:/> abc", and only then.
  assert.match(ada.shown().slice(before), /^\x1b\[\d*[CG][^\n]*\^C/)
})

for (const line of ['bye\n', 'exit\r'])
  test(`shell: ${JSON.stringify(line)} leaves, with 0`, async () => {
    await using ada = openShell()
    await ada.type(line)

    assert.equal(ada.status(), 0)
  })

for (const line of ['put', 'md5 x'])
  test(`shell: while ${line} waits, a window that changes gets no prompt; afterwards it does`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    await using ada = openShell()
    await ada.type('p')
    const typed = ada.shown().length
    ada.resize()
    await settle()
    assert.match(ada.shown().slice(typed), /ada.*:\/> p/)

    await ada.type(`\x7f${line}\r`)
    const begun = ada.shown().length
    ada.resize()
    await settle()
    assert.doesNotMatch(ada.shown().slice(begun), /:\/>/)

    await ada.type('\x03')
    for (let at = 0; at < 3; at++) {
      t.mock.timers.tick(3_000)
      await settle()
    }
    assert.match(ada.shown().slice(begun), /:\/>/)
  })

test('shell: the lines of two sessions of an account are remembered, each once', async () => {
  const history = ['old']
  await using one = openShell(IDLE_MS, history)
  await using other = openShell(IDLE_MS, history)
  await settle()

  await one.type('pwd\r')
  await other.type('ls x\r')
  await one.type('old\r')
  await other.type('cd\r')

  assert.deepEqual(history, ['cd', 'old', 'ls x', 'pwd'])
})
