import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { WordsIO } from '../../src/admin/words.ts'
import { askServer, listenControl } from '../../src/control.ts'
import { controlPath } from '../../src/sockets.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'control-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What stands in for a server, by what it does with who comes. */
async function listen(t: TestContext, folder: string, come: (socket: Socket) => void): Promise<void> {
  const server = createServer({ pauseOnConnect: true }, (socket) => come(socket.on('error', () => {})))
  server.listen(controlPath(folder))
  await once(server, 'listening')
  t.after(() => server.close())
}

/** Keeps what is complained of. */
function listener(): { readonly io: WordsIO; readonly complaints: string[] } {
  const complaints: string[] = []
  const io: WordsIO = {
    print() {},
    complain: (line) => void complaints.push(line),
    input: async () => '',
    confirm: async () => undefined,
  }
  return { io, complaints }
}

const ENDED = 'The server ended before it answered: look whether it did what you asked'

test('control: what is followed for long is not cut when it has become much', async (t) => {
  const folder = folderOf(t)
  const line = 'x'.repeat(1024 * 1024)
  const follow = async (_: readonly string[], io: WordsIO): Promise<number> => {
    for (let i = 0; i < 70; i++) {
      io.print(line)
      await io.settled?.()
    }
    return 7
  }
  await using _ = await listenControl(folder, follow, (error) => assert.fail(String(error)), process.umask)
  const { io, complaints } = listener()

  const status = await askServer(folder, ['log', '--follow'], io)

  assert.deepEqual([status, complaints], [7, []])
})

test('control: whose files the server may not use hears which, and what to do; of a fault of ours that there is one', async (t) => {
  const folder = folderOf(t)
  const heard: unknown[] = []
  const faults = [
    Object.assign(new Error('EACCES'), { code: 'EACCES', path: '/var/home' }),
    new Error('ours'),
  ]
  const run = async (): Promise<number> => {
    throw faults[heard.length]
  }
  await using _ = await listenControl(folder, run, (error) => heard.push(error), process.umask)
  const { io, complaints } = listener()

  const status = [
    await askServer(folder, ['user', 'list'], io),
    await askServer(folder, ['user', 'list'], io),
  ]

  assert.deepEqual([status, heard], [[1, 1], faults])
  assert.match(complaints[0]!, /^"\/var\/home" cannot be used: this user may not use it: give it to the user/)
  assert.deepEqual(complaints.slice(1), ['Internal error, see the log'])
})

test('control: a line without an end is cut, and whoever waits for it hears so', async (t) => {
  const folder = folderOf(t)
  await listen(t, folder, (socket) => {
    socket.resume()
    const piece = Buffer.alloc(1024 * 1024, 'x')
    const more = (): void => void (socket.writable && socket.write(piece, more))
    more()
  })
  const { io, complaints } = listener()

  assert.equal(await askServer(folder, ['user', 'list'], io), 1)

  assert.deepEqual(complaints, [ENDED])
})

test('control: a server that ends with our words unread has ended before it answered', async (t) => {
  const folder = folderOf(t)
  await listen(t, folder, (socket) => {
    // The words were written when it connected, in this process: they are here, and nobody reads them.
    setImmediate(() => setImmediate(() => socket.destroy()))
  })
  const { io, complaints } = listener()

  assert.equal(await askServer(folder, ['user', 'list'], io), 1)

  assert.deepEqual(complaints, [ENDED])
})

test('control: words and input may hold whatever else is taken for a line end', async (t) => {
  const folder = folderOf(t)
  const strange = 'a\u2028b\u2029c\rd'
  const heard: string[] = []
  const run = async (words: readonly string[], io: WordsIO): Promise<number> => {
    heard.push(...words, await io.input())
    io.complain(strange)
    return 7
  }
  await using _ = await listenControl(folder, run, (error) => assert.fail(String(error)), process.umask)
  const { io, complaints } = listener()

  const status = await askServer(folder, [strange], { ...io, input: async () => strange })

  assert.deepEqual([status, heard, complaints], [7, [strange, strange], [strange]])
})
