import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh-audit', 'ssh-keygen')
let server: TestServer

before(async () => {
  if (skip) return
  server = await startServer()
})
after(() => server?.[Symbol.asyncDispose]())

/** What old versions say of the new: they do not know strict KEX or ML-KEM; newer ones warn of all that is classic. */
const ACCEPTED = /kex-strict-s-v00@openssh\.com|post-quantum|experimental algorithm|unknown algorithm/

test('ssh-audit: finds no failure, and warns of nothing but what it does not know', { skip }, async () => {
  const { stdout } = await run('ssh-audit', ['-n', '-p', String(server.port), server.host])

  const lines = stdout.split('\n')
  assert.ok(
    lines.some((line) => line.startsWith('(kex)')),
    stdout,
  )
  assert.deepEqual(
    lines.filter((line) => line.includes('[fail]')),
    [],
  )
  assert.deepEqual(
    lines.filter((line) => line.includes('[warn]') && !ACCEPTED.test(line)),
    [],
  )
  assert.match(stdout, /^\(kex\) mlkem768x25519-sha256/m)
})
