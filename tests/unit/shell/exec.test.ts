import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex, Writable } from 'node:stream'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { exec } from '../../../src/shell/exec.ts'
import { MOST_LINE } from '../../../src/shell/script.ts'
import { byteChannel } from '../../../src/ssh/channel.ts'
import { plainPort } from '../../../src/ssh/plain-port.ts'
import type { FileHandle, NewAttrs, OpenFlags, VirtualPath } from '../../../src/vfs/vfs.ts'
import { memorySession } from '../../support/memory-channel.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** A disk that takes a while for what is written and removed: until `go`. */
class SlowDisk extends TinyVfs {
  readonly #gate = Promise.withResolvers<void>()
  readonly #reached = Promise.withResolvers<void>()
  /** The first has come to the disk. */
  readonly busy = this.#reached.promise
  readonly go = this.#gate.resolve

  override open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): FileHandle {
    const file = super.open(path, flags, attrs)
    return {
      ...file,
      write: async (data, offset) => {
        const copy = [Buffer.concat(data)]
        await this.#turn()
        await file.write(copy, offset)
      },
    }
  }

  override async unlink(path: VirtualPath): Promise<void> {
    await this.#turn()
    super.unlink(path)
  }

  #turn(): Promise<void> {
    this.#reached.resolve()
    return this.#gate.promise
  }
}

/** A command over a channel as ssh2 gives one, in memory. */
function running(command: string, vfs: TinyVfs) {
  const { session } = memorySession()
  const over = new AbortController()
  let allSaid = false
  let signalled = (_: string): void => {}
  let said = ''
  const stderr = new Writable({
    write(chunk, _, done) {
      said += chunk
      done()
    },
  })
  const stream = new Duplex({ read() {}, write: (_, __, done) => done(), autoDestroy: false })
  const channel = Object.assign(stream, { stderr })
  const socket = Object.assign(new EventEmitter(), { writableLength: 0 }) as unknown as Socket
  const status = exec({
    open: () => vfs,
    language: languageOf(COMMANDS),
    hash: {
      async of(_account, _file, _range, signal) {
        if (signal?.aborted) throw new OpError('ECANCELED', 'The session ended')
        return new Uint8Array(16)
      },
      async [Symbol.asyncDispose]() {},
    },
    now: () => 0,
  })({
    ...session,
    channel: byteChannel(
      channel,
      socket,
      over.signal,
      () => allSaid,
      1,
      (sink) => plainPort(channel, socket, sink, 1),
    ),
    signal: over.signal,
    request: { type: 'exec', command, pty: undefined },
    onSignal: (listener) => {
      signalled = listener
    },
  })
  return {
    status,
    said: () => said,
    came: (text: string) => void channel.push(text),
    eof: () => void channel.push(null),
    signal: (name: string) => signalled(name),
    /** EOF and CLOSE in one read: ssh2 tells the end of the stream behind that of the session. */
    leaves() {
      allSaid = true
      over.abort()
      channel.push(null)
    },
    /** As ssh2 tells it: first that it is over, then as if the peer had said so. */
    breaks() {
      over.abort()
      channel.push(null)
    },
  }
}

test('exec put: all that came before its connection broke is kept, as partial', async () => {
  const disk = new SlowDisk()
  const { status, came, breaks } = running('put a', disk)
  came('one, ')
  await disk.busy
  came('two, ')
  came('three')
  breaks()
  disk.go()

  assert.equal(await status, 130)
  assert.equal(disk.text('/a'), 'one, two, three')
  assert.deepEqual(disk.calls.slice(-1), ['abandon /a'])
})

test('exec put: the end of the input is the end of the file, however much lies before it', async () => {
  const disk = new SlowDisk()
  const { status, came, eof } = running('put a', disk)
  came('one, ')
  await disk.busy
  came('two')
  eof()
  disk.go()

  assert.equal(await status, 0)
  assert.equal(disk.text('/a'), 'one, two')
  assert.deepEqual(disk.calls.slice(-1), ['close /a'])
})

test('exec put: the file of a client that has said its end and left is stored', async () => {
  const disk = new SlowDisk()
  const { status, came, leaves } = running('put a', disk)
  came('one, ')
  await disk.busy
  came('two')
  leaves()
  disk.go()

  await status
  assert.equal(disk.text('/a'), 'one, two')
  assert.deepEqual(disk.calls.slice(-1), ['close /a'])
})

test('exec put: a signal ends it, whatever has come', async () => {
  const disk = new SlowDisk()
  const { status, came, signal } = running('put a', disk)
  came('one, ')
  await disk.busy
  came('two')
  signal('INT')
  disk.go()

  assert.equal(await status, 130)
  assert.equal(disk.text('/a'), 'one, ')
  assert.deepEqual(disk.calls.slice(-1), ['abandon /a'])
})

test('exec put: what was opened to go on with is let go when it is not proved', async () => {
  class Resumable extends TinyVfs {
    resume(path: VirtualPath): FileHandle {
      return this.open(path, { read: true, write: true })
    }
  }
  const vfs = new Resumable()
  vfs.put('/a', 'the old')
  const { status, said, eof } = running(`put a --offset 7 --md5 ${'1'.repeat(32)}`, vfs)
  eof()

  assert.equal(await status, 1)
  assert.match(said(), /^Same name, different content: /)
  assert.deepEqual(vfs.calls, ['abandon /a'])
})

test('exec put: where nothing can be gone on with, that is said, and what is there is left alone', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a', 'the old')
  const { status, said, eof } = running(`put a --offset 7 --md5 ${'0'.repeat(32)}`, vfs)
  eof()

  assert.equal(await status, 1)
  assert.equal(said(), 'Nothing can be gone on with here: replace it by put -f\n')
  assert.equal(vfs.text('/a'), 'the old')
})

test('exec script: a line that came before its connection broke is not begun after that', async () => {
  const disk = new SlowDisk()
  for (const name of ['/old', '/precious']) disk.put(name, 'x')
  const { status, came, breaks } = running('-k', disk)
  came('rm old\nrm precious\nrm preci')
  await disk.busy
  breaks()
  disk.go()

  assert.equal(await status, 130)
  assert.deepEqual([disk.text('/old'), disk.text('/precious')], [undefined, 'x'])
})

test('exec script: a line of the most that is taken is run, and one that is longer ends the script, its end or not', async () => {
  for (const [line, status, left] of [
    [`#${'x'.repeat(MOST_LINE - 1)}\n`, 0, undefined],
    [`#${'x'.repeat(MOST_LINE)}\n`, 2, 'x'],
    [`#${'x'.repeat(MOST_LINE)}`, 2, 'x'],
  ] as const) {
    const vfs = new TinyVfs()
    vfs.put('/precious', 'x')
    const script = running('-k', vfs)
    script.came(`${line}rm precious\n`)
    script.eof()

    assert.equal(await script.status, status)
    assert.equal(vfs.text('/precious'), left)
  }
})
