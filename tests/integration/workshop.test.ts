import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { record } from '../../scripts/record-trace.ts'
import { succeed, without } from '../support/run-client.ts'
import { ADA } from '../support/start-porch.ts'
import { PROJECT } from '../support/start-server.ts'
import { replay } from '../trace/replay.ts'

const skip = without('sftp')
const OPTIONS = ['-q', '-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'workshop-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** sftp with the password of `name`. */
function sftp(name: string, password: string, port: number, batch: string) {
  const askpass = join(folder, 'askpass')
  writeFileSync(askpass, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 })
  const login = ['-o', 'BatchMode=no', '-o', 'PubkeyAuthentication=no', '-o', 'LogLevel=ERROR']
  const env = { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' }
  const words = [...OPTIONS, ...login, '-P', String(port), '-b', '-', `${name}@127.0.0.1`]
  return succeed('sftp', words, { input: batch, env, cwd: folder })
}

test('npm run trace: what a client did is written down, and replays as it was', { skip }, async () => {
  writeFileSync(join(folder, 'a.txt'), '12345678')
  await using recording = await record(new Map([['/a.txt', '1234']]))

  await sftp(
    ADA.name,
    ADA.password,
    recording.port,
    'reput a.txt\nget a.txt b.txt\nln -s a.txt link\n-get nothing\n',
  )
  const lines = await recording.lines

  assert.match(lines[0]!, /^# client: OpenSSH/)
  assert.ok(
    lines.some((line) => /^> \d+ WRITE h1 @4 "5678"$/.test(line)),
    lines.join('\n'),
  )
  assert.equal(lines.at(-1), '= /a.txt "12345678"')
  assert.deepEqual(await replay(lines), lines)
})

test('npm run dev: serves ada with a VAR of its own, which is gone when it ends', { skip }, async () => {
  const child = spawn(process.execPath, [join(PROJECT, 'scripts/dev.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  try {
    let said = ''
    for await (const line of createInterface({ input: child.stdout })) {
      said += `${line}\n`
      if (line.startsWith('listening on')) break
    }
    const [, password = '', place = ''] = /the password "(.*)"; everything lies in (\S+),/.exec(said) ?? []
    const port = Number(/^listening on .*:(\d+)$/m.exec(said)?.[1])

    await sftp('ada', password, port, 'put a.txt\n')
    assert.ok(existsSync(join(place, 'var/home/ada/a.txt')))

    child.kill('SIGINT')
    await ended
    assert.equal(existsSync(place), false)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
})
