import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { openTerminal } from '../../../src/shell/terminal.ts'
import type { ByteChannel, Pty } from '../../../src/ssh/session.ts'
import { memorySession } from '../../support/memory-channel.ts'

const CHUNK = 32 * 1024
const MIB = 1024 * 1024
const pty: Pty = { term: 'xterm', columns: 80, rows: 24, onResize() {} }

/** A terminal that is not looked at: it types without end, and takes nothing of what it is sent until `look`. */
function unseen() {
  let typed = 0
  let sent = 0
  const { session, channel } = memorySession()
  const looking = Promise.withResolvers<void>()
  async function* keys(): AsyncGenerator<Uint8Array> {
    for (;;) {
      typed += CHUNK
      yield Buffer.alloc(CHUNK, 'x')
    }
  }
  const bytes: ByteChannel = {
    input: keys(),
    write(chunk) {
      sent += chunk.length
      return looking.promise
    },
    writeError: async () => {},
    end() {},
    packets: (sink) => channel.packets(sink),
  }
  return {
    terminal: openTerminal({ ...session, channel: bytes }, pty),
    look: looking.resolve,
    typed: () => typed,
    sent: () => sent,
  }
}

/** Until nothing moves any more, or far too much did. */
async function settled(count: () => number): Promise<void> {
  for (let same = 0, last = -1; same < 500 && last < 16 * MIB; await turn()) {
    same = count() === last ? same + 1 : 0
    last = count()
  }
}

test('terminal: of keys whose echo nobody takes only so many are read', async () => {
  const { terminal, typed } = unseen()
  using _ = terminal
  terminal.input.on('data', (chunk: Buffer) => terminal.output.write(chunk))

  await settled(typed)

  assert.ok(typed() < MIB, `${typed()} bytes of keys were read`)
  assert.ok(terminal.output.writableLength < MIB, `${terminal.output.writableLength} bytes wait`)
})

test('terminal: while a command runs only so many keys are held', async () => {
  const { terminal, typed } = unseen()
  using _ = terminal
  terminal.busy(() => {})

  await settled(typed)

  assert.ok(typed() <= 4 * CHUNK, `${typed()} bytes of keys were read`)
})

test('terminal: what moves a file reads no further than it is asked', async () => {
  const { terminal, look, typed } = unseen()
  using _ = terminal
  look()
  await terminal.raw()

  await settled(typed)

  assert.ok(typed() <= 4 * CHUNK, `${typed()} bytes were read`)
})

test('terminal: a command that prints waits for who does not look', async () => {
  const { terminal, look, sent } = unseen()
  using _ = terminal
  terminal.busy(() => {})
  let printed = 0
  const printing = (async () => {
    for (; printed < 100; printed++) await terminal.write(Buffer.alloc(CHUNK, 'y'))
  })()

  await settled(sent)
  assert.ok(printed <= 1 && sent() <= 2 * CHUNK, `${sent()} bytes were sent`)
  look()
  await printing
  assert.equal(sent(), 100 * CHUNK)
})
