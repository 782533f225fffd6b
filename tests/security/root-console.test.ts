// The server runs as a user of its own and is stopped for the night; root adds an account meanwhile. What root made in VAR
// (the day's audit, the new home) kept the server from starting, and the account from its files.
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../support/run-client.ts'
import { PROJECT } from '../support/start-server.ts'

const NOBODY = 65_534
const skip = process.geteuid?.() === 0 ? false : 'root alone can do what others would'

test('console: what root does without a server belongs to the user of the server', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'root-console-'))
  try {
    chmodSync(folder, 0o711)
    const own = join(folder, 'var')
    mkdirSync(own)
    chownSync(own, NOBODY, NOBODY)
    const program = join(PROJECT, 'bin/miniftpd.mjs')

    const { status, stderr } = await run(process.execPath, [program, 'user', 'add', 'ada'], {
      env: { ...process.env, MINIFTP_VAR: own },
      cwd: folder,
    })

    assert.equal(status, 0, stderr)
    const made = readdirSync(own, { recursive: true, encoding: 'utf8' })
    assert.ok(made.includes('home/ada'))
    const others = made.filter((name) => statSync(join(own, name)).uid !== NOBODY)
    assert.deepEqual(others, [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
