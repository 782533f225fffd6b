import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { without } from '../support/run-client.ts'
import { growthOf, MIB } from '../support/server-memory.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { WANTS_TO_RECEIVE, WANTS_TO_SEND, ZmodemTerminal } from '../support/zmodem-terminal.ts'

/** ZMODEM_MIB=300 for the size that the server promises to take. */
const SIZE = Number(process.env.ZMODEM_MIB ?? 16) * MIB
/** What the server may grow by, whatever the size. */
const GROWTH = 64 * MIB

const missing = without('rz', 'sz', 'ssh')
let server: TestServer
before(async () => {
  server = await startServer()
})
after(() => server?.[Symbol.asyncDispose]())

async function withTerminal(
  work: (terminal: ZmodemTerminal, folder: string) => Promise<void>,
): Promise<void> {
  const terminal = new ZmodemTerminal(server.sshConfig)
  const folder = join(server.folder, `zm-${randomBytes(4).toString('hex')}`)
  mkdirSync(join(folder, 'down'), { recursive: true })
  try {
    await terminal.sees(/> $/)
    await work(terminal, folder)
  } finally {
    terminal.close()
  }
}

test(
  'zmodem: a file goes both ways through a terminal, byte for byte and in little memory',
  {
    skip: missing,
  },
  () =>
    withTerminal(async (terminal, folder) => {
      const bytes = randomBytes(SIZE)
      writeFileSync(join(folder, 'up.bin'), bytes)
      const up = await growthOf(server.pid, async () => {
        terminal.type('put')
        assert.equal(await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['up.bin'], folder), 0)
        await terminal.prompt()
      })
      assert.ok(readFileSync(join(server.home('ada'), 'up.bin')).equals(bytes))

      const down = await growthOf(server.pid, async () => {
        terminal.type('get up.bin')
        assert.equal(await terminal.bridge(WANTS_TO_SEND, 'rz', [], join(folder, 'down')), 0)
      })
      assert.ok(readFileSync(join(folder, 'down', 'up.bin')).equals(bytes))
      assert.ok(up < GROWTH && down < GROWTH, `grew by ${up / MIB} MiB up and ${down / MIB} MiB down`)
    }),
)

test(
  'zmodem: a put that was cut goes on where it was, if your side proves the same beginning',
  {
    skip: missing,
  },
  () =>
    withTerminal(async (terminal, folder) => {
      const bytes = randomBytes(3_000_000)
      const stored = join(server.home('ada'), 'cut.bin')
      writeFileSync(join(folder, 'cut.bin'), bytes)
      terminal.type('put')
      await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['cut.bin'], folder, 1_000_000)
      terminal.cancel()
      await terminal.sees(/cancelled/)
      const part = readFileSync(stored)
      assert.ok(part.length > 0 && part.length < bytes.length && part.equals(bytes.subarray(0, part.length)))

      terminal.type('put')
      assert.equal(await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['-r', 'cut.bin'], folder), 0)
      assert.ok(terminal.moved < bytes.length - part.length / 2, `${terminal.moved} bytes went by`)
      await terminal.prompt()
      assert.ok(readFileSync(stored).equals(bytes))
    }),
)

test(
  'zmodem: a get that was cut goes on where it was; a side that proves nothing is told the MD5',
  {
    skip: missing,
  },
  () =>
    withTerminal(async (terminal, folder) => {
      const bytes = randomBytes(3_000_000)
      const fetched = join(folder, 'down', 'part.bin')
      writeFileSync(join(server.home('ada'), 'part.bin'), bytes)
      terminal.type('get part.bin')
      await terminal.bridge(WANTS_TO_SEND, 'rz', [], join(folder, 'down'), 1_000_000)
      terminal.cancel()
      await terminal.sees(/cancelled/)
      const part = readFileSync(fetched)
      assert.ok(part.length > 0 && part.length < bytes.length && part.equals(bytes.subarray(0, part.length)))

      terminal.type('get part.bin')
      assert.equal(await terminal.bridge(WANTS_TO_SEND, 'rz', ['-r'], join(folder, 'down')), 0)
      assert.ok(terminal.moved < bytes.length - part.length / 2, `${terminal.moved} bytes went by`)
      await terminal.prompt()
      assert.ok(readFileSync(fetched).equals(bytes))

      writeFileSync(fetched, randomBytes(part.length))
      terminal.type('get part.bin')
      await terminal.bridge(WANTS_TO_SEND, 'rz', ['-r'], join(folder, 'down'))
      const right = createHash('md5').update(bytes).digest('hex')
      await terminal.sees(new RegExp(`did not say what it had before[\\s\\S]*${right}`))
    }),
)

test(
  'zmodem: the same name with other content is refused and left alone, resumed or not',
  { skip: missing },
  () =>
    withTerminal(async (terminal, folder) => {
      const stored = join(server.home('ada'), 'same.bin')
      writeFileSync(stored, 'what was there before')
      writeFileSync(join(folder, 'same.bin'), 'something that begins in another way, and is longer')
      terminal.type('put')
      await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['-r', 'same.bin'], folder)
      await terminal.sees(/Same name, different content/)
      terminal.type('put')
      await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['same.bin'], folder)
      await terminal.sees(/there already and was left alone/)
      assert.equal(readFileSync(stored, 'utf8'), 'what was there before')
    }),
)

test(
  'zmodem: a terminal that does not answer is told what to paste, and Return gives the prompt back',
  { skip: missing },
  () =>
    withTerminal(async (terminal) => {
      writeFileSync(join(server.home('ada'), 'x'), 'x')
      terminal.type('get x')
      const told = await terminal.sees(/Return gives the prompt back/)
      assert.match(told, new RegExp(`scp -P ${server.port} ada@127\\.0\\.0\\.1:/x \\.`))
      terminal.type('')
      await terminal.sees(/> $/)
      terminal.type('pwd')
      await terminal.sees(/pwd\r\n\/\r\n/)
    }),
)

test('zmodem: a sender cannot leave the folder by the names it gives', { skip: missing }, () =>
  withTerminal(async (terminal, folder) => {
    mkdirSync(join(folder, 'a', 'b'), { recursive: true })
    writeFileSync(join(folder, 'evil'), 'evil')
    terminal.type('put')
    await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['-f', '../../evil'], join(folder, 'a', 'b'))
    terminal.type('')
    await terminal.sees(/> $/)
    assert.ok(existsSync(join(server.home('ada'), 'evil')))
    assert.ok(!existsSync(join(server.var, 'home', 'evil')) && !existsSync(join(server.var, 'evil')))
  }),
)

test(
  'zmodem: what is over 4 GiB is refused both ways, by the sentence that names sftp, and nothing is made',
  {
    skip: missing,
  },
  () =>
    withTerminal(async (terminal, folder) => {
      for (const name of [join(server.home('ada'), 'huge.bin'), join(folder, 'vast.bin')]) {
        writeFileSync(name, '')
        truncateSync(name, 2 ** 32)
      }
      terminal.type('get huge.bin')
      await terminal.sees(/"\/huge\.bin" is over 4 GiB[\s\S]*sftp or\s+scp\r\n/)
      await terminal.prompt()
      terminal.type('put')
      await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['vast.bin'], folder)
      await terminal.sees(/"\/vast\.bin" was left alone: it is over 4 GiB[\s\S]*sftp\s+or\s+scp\r\n/)
      assert.ok(!existsSync(join(server.home('ada'), 'vast.bin')))
      rmSync(join(server.home('ada'), 'huge.bin'))
    }),
)

test('zmodem: several files go at once both ways, with their names, times and bytes', { skip: missing }, () =>
  withTerminal(async (terminal, folder) => {
    const names = ['empty', 'one.several', 'with space', '名前']
    for (const [at, name] of names.entries()) {
      writeFileSync(join(folder, name), randomBytes(at * 50_000))
      utimesSync(join(folder, name), 1.7e9, 1.7e9 + at)
    }
    mkdirSync(join(server.home('ada'), 'several'))
    terminal.type('cd several')
    terminal.type('put')
    assert.equal(await terminal.bridge(WANTS_TO_RECEIVE, 'sz', names, folder), 0)
    await terminal.prompt()
    terminal.type('get *')
    assert.equal(await terminal.bridge(WANTS_TO_SEND, 'rz', [], join(folder, 'down')), 0)
    await terminal.prompt()
    for (const [at, name] of names.entries()) {
      for (const there of [join(server.home('ada'), 'several', name), join(folder, 'down', name)]) {
        assert.ok(readFileSync(there).equals(readFileSync(join(folder, name))), there)
        assert.equal(statSync(there).mtimeMs, (1.7e9 + at) * 1000, there)
      }
    }
  }),
)

test('zmodem: ^X cancels a put and a get that wait, and the prompt is back', { skip: missing }, () =>
  withTerminal(async (terminal) => {
    writeFileSync(join(server.home('ada'), 'x'), 'x')
    for (const [line, start] of [
      ['get x', WANTS_TO_SEND],
      ['put', WANTS_TO_RECEIVE],
    ] as const) {
      terminal.type(line)
      await terminal.sees(start)
      terminal.cancel()
      await terminal.sees(/cancelled the transfer\r\n[\s\S]*> $/)
    }
    terminal.type('pwd')
    await terminal.sees(/pwd\r\n\/\r\n/)
  }),
)
