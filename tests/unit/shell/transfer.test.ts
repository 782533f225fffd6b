import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { openTerminal } from '../../../src/shell/terminal.ts'
import { terminalTransfer } from '../../../src/shell/transfer.ts'
import type { ByteChannel } from '../../../src/ssh/session.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { FileHandle, OpenFlags, VirtualPath } from '../../../src/vfs/vfs.ts'
import { Frame, hexHeader, receiverReady } from '../../../src/zmodem/frames.ts'
import { memorySession } from '../../support/memory-channel.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** What a receiver says that takes one file whole: to the offer of a session, of the file, its end, the session's end. */
const TAKES_ALL = [receiverReady(), hexHeader(Frame.rpos, 0), receiverReady(), hexHeader(Frame.fin)]
/** The last word of a transfer. */
const OVER = 'OO'
/** Turns after which all that can be done without a timer has been done. */
const TURNS = 300

/** A terminal that answers each write by the next of `answers`; `written` hears of each. */
function terminalThat(answers: readonly Uint8Array[], vfs: TinyVfs, written = (_: string): void => {}) {
  const { session, channel } = memorySession()
  const left = [...answers]
  const keys: Uint8Array[] = []
  let wake = (): void => {}
  let shown = ''
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
      const text = Buffer.from(chunk).toString('latin1')
      shown += text
      written(text)
      const answer = text === '' ? undefined : left.shift()
      if (answer !== undefined) keys.push(answer)
      wake()
    },
    writeError: async () => {},
    end() {},
    packets: (sink) => channel.packets(sink),
  }
  const terminal = openTerminal(
    { ...session, channel: bytes },
    { term: 'xterm', columns: 80, rows: 24, onResize() {} },
  )
  const stop = new AbortController()
  const { send } = terminalTransfer(terminal, {
    account: 'ada',
    vfs,
    hash: { of: () => assert.fail('nothing is hashed'), async [Symbol.asyncDispose]() {} },
    live: undefined,
    now: () => 0,
    signal: () => stop.signal,
    log: () => {},
  })
  return {
    get: (...names: readonly string[]) =>
      send(
        names.map((name) => ({ name, path: virtualPath(name) })),
        [],
      ),
    shown: () => shown,
    stop: () => stop.abort(),
    [Symbol.dispose]: () => terminal[Symbol.dispose](),
  }
}

async function settle(): Promise<void> {
  for (let at = 0; at < TURNS; at++) await turn()
}

function withFile(): TinyVfs {
  const vfs = new TinyVfs()
  vfs.put('/a', 'what is sent')
  return vfs
}

test('terminal get: what comes behind the file is not shown before the program that took it has let go', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using terminal = terminalThat(TAKES_ALL, withFile())
  const got = terminal.get('a')
  await settle()
  assert.ok(terminal.shown().endsWith(OVER), terminal.shown())

  t.mock.timers.tick(249)
  await settle()
  assert.ok(terminal.shown().endsWith(OVER), terminal.shown())
  t.mock.timers.tick(1)
  await got

  assert.ok(terminal.shown().endsWith(`${OVER}Sent "a"\r\n`), terminal.shown())
})

test('terminal get: ^C while that is waited for ends the wait, and what was sent is said', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using terminal = terminalThat(TAKES_ALL, withFile())
  const got = terminal.get('a')
  await settle()

  terminal.stop()
  await got

  assert.ok(terminal.shown().endsWith(`${OVER}Sent "a"\r\n`), terminal.shown())
})

test('terminal get: nothing is waited for behind a file when ^C has come before', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using terminal = terminalThat(TAKES_ALL, withFile(), (text) => text === OVER && terminal.stop())

  await terminal.get('a')

  assert.ok(terminal.shown().endsWith(`${OVER}Sent "a"\r\n`), terminal.shown())
})

/** `/a` says that it has so many bytes. */
class HugeVfs extends TinyVfs {
  readonly #size: number

  constructor(size: number) {
    super()
    this.put('/a', 'x')
    this.#size = size
  }

  override open(path: VirtualPath, flags: OpenFlags): FileHandle {
    const file = super.open(path, flags)
    return { ...file, stat: async () => ({ ...(await file.stat()), size: this.#size }) }
  }
}

test('terminal get: a file over 4 GiB is refused by the sentence that names sftp, and nothing is offered', async () => {
  const vfs = new HugeVfs(2 ** 32)
  using terminal = terminalThat([], vfs)

  await assert.rejects(
    terminal.get('a'),
    (error) =>
      isOpError(error, 'EFBIG') &&
      error.message === '"/a" is over 4 GiB, which ZMODEM cannot count: fetch it by sftp or scp',
  )

  assert.equal(terminal.shown(), '')
  assert.deepEqual(vfs.calls, ['close /a'])
})

test('terminal get: the largest file that can be counted is offered', async () => {
  const size = 2 ** 32 - 1
  const skips = [TAKES_ALL[0]!, hexHeader(Frame.skip), TAKES_ALL[3]!]
  using terminal = terminalThat(skips, new HugeVfs(size))

  await terminal.get('a')

  assert.ok(terminal.shown().includes(`a\0${size} `))
  assert.match(terminal.shown(), /Your side did not want "a": it may be there already\r\n$/)
})

test('terminal get: a file whose disk fails while it is looked at is closed', async () => {
  const vfs = new (class extends TinyVfs {
    override open(path: VirtualPath, flags: OpenFlags): FileHandle {
      const stat = (): never => {
        throw new OpError('EIO', 'The disk fails')
      }
      return { ...super.open(path, flags), stat }
    }
  })()
  vfs.put('/a', 'x')
  using terminal = terminalThat([], vfs)

  await assert.rejects(terminal.get('a'), (error) => isOpError(error, 'EIO'))

  assert.deepEqual(vfs.calls, ['close /a'])
})

/** Tells how many files were open at the most, and how many are. */
class CountingVfs extends TinyVfs {
  now = 0
  most = 0

  override open(path: VirtualPath, flags: OpenFlags): FileHandle {
    const file = super.open(path, flags)
    this.now += 1
    this.most = Math.max(this.most, this.now)
    return {
      ...file,
      close: () => {
        this.now -= 1
        return file.close()
      },
    }
  }
}

test('terminal get: of many files one is open at a time, and one that is gone meanwhile is told', async () => {
  const vfs = new CountingVfs()
  for (const name of ['/a', '/b', '/c']) vfs.put(name, 'what is sent')
  const takes = [hexHeader(Frame.rpos, 0), receiverReady()]
  const answers = [receiverReady(), ...takes, ...takes, hexHeader(Frame.fin)]
  using terminal = terminalThat(answers, vfs, (text) => {
    if (text.includes('B00')) vfs.unlink(virtualPath('/b'))
  })

  await terminal.get('a', 'b', 'c')

  assert.deepEqual([vfs.most, vfs.now], [1, 0])
  assert.match(terminal.shown(), /Sent "a"\r\n[^\n]*"\/b"[^\n]*\r\nSent "c"\r\n/)
})
