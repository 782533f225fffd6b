import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { type Done, run } from '../support/run-client.ts'
import { PROJECT } from '../support/start-server.ts'

/** All that the machine has: no compiler, no make, no Python. */
const PROGRAMS = ['node', 'npm', 'sh', 'env', 'uname', 'dirname', 'sed']

let folder: string
let clone: string
let env: NodeJS.ProcessEnv
let install: Done

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'miniftp-clone-'))
  clone = join(folder, 'miniftp')
  cpSync(PROJECT, clone, {
    recursive: true,
    filter: (path) => !/\/(node_modules|\.git|var|hostkeys|dist|native\/build)$/.test(path),
  })
  env = poorMachine()
  install = await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--foreground-scripts'], {
    cwd: clone,
    env,
    seconds: 240,
  })
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('fresh clone: npm ci works without a compiler, and says what is missing', () => {
  assert.equal(install.status, 0, install.stderr)
  const said = install.stdout + install.stderr
  assert.match(said, /native crypto was not built/)
  assert.match(said, /the addon in native\/ was not built \(.+\)\.\n.*everything works without it/)
})

test('fresh clone: npm start listens, answers and ends when told', async () => {
  const child = spawn('npm', ['start', '--', '--port', '0'], {
    cwd: clone,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  try {
    const port = await listening(child.stdout)

    assert.match(await greeting(port), /^SSH-2\.0-MiniFTP/)
    assert.ok(existsSync(join(clone, 'hostkeys/ssh_host_ed25519_key')))
    assert.ok(existsSync(join(clone, 'var/home/zhangsan')))
  } finally {
    process.kill(-child.pid!, 'SIGTERM')
    await ended
  }
})

/** The system's own node and npm, wherever `npm test` put those of this checkout before them. */
function poorMachine(): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const path = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'))
  for (const program of PROGRAMS) {
    const found = path.map((one) => join(one, program)).find((one) => existsSync(one))
    if (found) symlinkSync(realpathSync(found), join(bin, program))
  }
  return { PATH: bin, HOME: process.env.HOME, TMPDIR: tmpdir() }
}

async function listening(output: NodeJS.ReadableStream): Promise<number> {
  const said: string[] = []
  for await (const line of createInterface({ input: output })) {
    said.push(line)
    const match = /^listening on .*:(\d+)$/.exec(line)
    if (match) return Number(match[1])
  }
  throw new Error(`it ended before it listened:\n${said.join('\n')}`)
}

async function greeting(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [bytes] = await once(socket, 'data')
    return String(bytes)
  } finally {
    socket.destroy()
  }
}
