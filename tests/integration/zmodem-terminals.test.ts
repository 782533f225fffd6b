import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { without } from '../support/run-client.ts'
import { growthOf, MIB } from '../support/server-memory.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'
import { noise } from '../support/trees.ts'

/** ZMODEM_MIB=300 for the size that the server promises to take. */
const SIZE = Number(process.env.ZMODEM_MIB ?? 4) * MIB
const GROWTH = 64 * MIB
const WRAPPER = join(import.meta.dirname, '../support/zmodem-ssh.py')
const PROMPT = /(^|\n)ada:\/>$/

const skip = without('tmux', 'ssh', 'rz', 'sz', 'python3')
const skipZssh = skip || without('zssh')
let server: TestServer
before(async () => {
  if (skip) return
  server = await startServer()
  mkdirSync(join(server.folder, 'down'))
  writeFileSync(join(server.folder, 'up.bin'), noise(SIZE))
})
after(() => server?.[Symbol.asyncDispose]())

const stored = (name: string): Buffer => readFileSync(join(server.home('ada'), name))
const here = (...names: readonly string[]): Buffer => readFileSync(join(server.folder, ...names))
const patience = 40_000 + (SIZE / MIB) * 2_000

async function enter(terminal: Terminal, line: string): Promise<void> {
  await terminal.type(line)
  await terminal.press('Enter')
}

test('zmodem: a person at a terminal that knows it types put and get, and the file is there', {
  skip,
}, async () => {
  const ssh = ['ssh', '-tt', '-e', 'none', '-F', join(server.folder, 'ssh_config'), 'ftp']
  const wrapped = ['python3', WRAPPER, 'sz -b -q ../up.bin', 'rz -b -q', '--', ...ssh]
  await using terminal = await openTerminal(wrapped, { cwd: join(server.folder, 'down'), patience })
  await terminal.sees(PROMPT)
  const growth = await growthOf(server.pid, async () => {
    await enter(terminal, 'put')
    await terminal.sees(/> put\nOne file stored\nada:\/>$/)
    await enter(terminal, 'get up.bin')
    await terminal.sees(/\nSent "up\.bin"\nada:\/>$/)
  })
  assert.ok(stored('up.bin').equals(here('up.bin')))
  assert.ok(here('down', 'up.bin').equals(here('up.bin')))
  assert.ok(growth < GROWTH, `grew by ${growth / MIB} MiB`)
  await enter(terminal, 'bye')
  assert.equal(await terminal.ended(), 0)
})

test('zssh: a person puts and gets through it, and the prompt is back each time', {
  skip: skipZssh,
}, async () => {
  const config = join(server.folder, 'ssh_config')
  await using terminal = await openTerminal(['zssh', '--', '-F', config, 'ftp'], {
    cwd: server.folder,
    patience,
  })
  await terminal.sees(PROMPT)
  await enter(terminal, 'put up.bin zssh.bin')
  await terminal.sees(/Return gives the prompt back/)
  await terminal.press('C-Space')
  await terminal.sees(/zssh >/)
  await enter(terminal, 'sz -q up.bin')
  await terminal.sees(/One file stored\nada:\/>$/)
  assert.ok(stored('zssh.bin').equals(here('up.bin')))

  await enter(terminal, 'get zssh.bin')
  await terminal.sees(/get zssh\.bin[\s\S]*Return gives the prompt back/)
  await terminal.press('C-Space')
  await terminal.sees(/zssh >[^\n]*$/)
  await enter(terminal, 'rz -q')
  await terminal.sees(/Sent "zssh\.bin"\nada:\/>$/)
  assert.ok(here('zssh.bin').equals(here('up.bin')))
})
