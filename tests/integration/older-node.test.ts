import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { run } from '../support/run-client.ts'
import { PROJECT } from '../support/start-server.ts'

const PRELOAD = pathToFileURL(join(PROJECT, 'tests/support/young-memory.mjs')).href

function start(program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return run(process.execPath, [join(PROJECT, 'bin', program), ...words], {
    env: { ...process.env, NODE_OPTIONS: `--import ${PRELOAD}`, ...env },
  })
}

// `npx miniftpd` is run by whatever Node there is; the one that was installed with the program takes over.
for (const [how, env] of [
  ['a Node that is new enough', {}],
  ['one that is too old', { PRETEND_OLD: '20.0.0' }],
] as const) {
  test(`older Node: started by ${how}, the server has the young memory it is given, and no more`, async () => {
    const { status, stdout, stderr } = await start('miniftpd.mjs', ['--version'], env)

    assert.equal(status, 0, stderr)
    assert.match(stdout, /^\d+\.\d+\.\d+$/m)
    const young = Number(/^young: (.*)$/m.exec(stdout)?.[1])
    // V8 begins with 2 by itself, and unbound it goes to 64; more than 8 was seen where its own threads had to wait for a processor.
    assert.ok(young >= 8 && young <= 32, `${young} MiB`)
  })
}

test('older Node: what the program ends with, and what it is told, goes through', async () => {
  const old = { PRETEND_OLD: '24.14.9' }

  const { status, stderr } = await start('miniftpd.mjs', ['--check', '--prot', '1'], old)
  const client = await start('miniftp.mjs', ['--version'], old)

  assert.deepEqual([status, stderr], [2, 'miniftpd: Unknown setting --prot, did you mean --port?\n'])
  assert.equal(client.status, 0)
  assert.match(client.stdout, /^miniftp \d+\.\d+\.\d+$/m)
})

test('older Node: who forked the program hears of it to its end', async () => {
  const speaks = "data:text/javascript,process.on('exit', (status) => process.send(status))"
  const child = fork(join(PROJECT, 'bin/miniftpd.mjs'), ['--version'], {
    env: { ...process.env, NODE_OPTIONS: `--import "${speaks}"` },
    silent: true,
  })

  const [[heard], [status]] = await Promise.all([once(child, 'message'), once(child, 'exit')])

  assert.deepEqual([heard, status], [0, 0])
})
