import assert from 'node:assert/strict'
import {
  closeSync,
  openSync,
  readFileSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'

const MIB = 1024 * 1024
const SIZE = 1024 * MIB
/** What the server may grow by while it moves 1 GiB. */
const GROWTH = 64 * MIB

const skip = without('sftp', 'ssh-keygen') || noRoom()
let server: TestServer

function noRoom(): string | false {
  const { bavail, bsize } = statfsSync(tmpdir())
  return bavail * bsize > 4 * SIZE ? false : `less than 4 GiB free in ${tmpdir()}`
}

before(async () => {
  if (skip) return
  server = await startServer()
})
after(() => server?.[Symbol.asyncDispose]())

test('sftp: 1 GiB goes up and down, byte for byte, and the server stays small', { skip }, async (context) => {
  const source = join(server.folder, 'big')
  writeBig(source)
  await warmUp()
  const before = memory()
  using peak = watch()

  await sftp('put big', 'get big big.back')

  const most = peak.most()
  context.diagnostic(`the server grew from ${Math.round(before / MIB)} to ${Math.round(most / MIB)} MiB`)
  await succeed('cmp', [source, join(server.home('ada'), 'big')])
  await succeed('cmp', [source, join(server.folder, 'big.back')])
  assert.ok(most - before < GROWTH)
})

/** What a runtime takes once, whatever the size, is not growth. */
async function warmUp(): Promise<void> {
  const file = join(server.folder, 'warm')
  writeFileSync(file, '')
  truncateSync(file, SIZE / 4)
  await sftp('put warm', 'get warm warm.back', 'put warm', 'get warm warm.back', 'rm warm')
}

const sftp = (...commands: readonly string[]) =>
  succeed('sftp', ['-q', '-F', server.sshConfig, '-b', '-', 'ftp'], {
    input: `${commands.join('\n')}\n`,
    cwd: server.folder,
    seconds: 300,
  })

/** Every MiB differs, so that a piece in the wrong place is seen. */
function writeBig(path: string): void {
  const block = noise(MIB)
  const file = openSync(path, 'w')
  for (let at = 0; at < SIZE; at += MIB) {
    block.writeUInt32LE(at / MIB, 0)
    writeSync(file, block)
  }
  closeSync(file)
}

/** Anonymous memory in bytes: what the server allocated, without pages of files. */
function memory(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'latin1')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

/** The most it ever was since now. */
function watch(): Disposable & { most(): number } {
  let most = memory()
  const timer = setInterval(() => {
    most = Math.max(most, memory())
  }, 50)
  return { most: () => most, [Symbol.dispose]: () => clearInterval(timer) }
}
