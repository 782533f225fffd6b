import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminExec } from '../../../src/admin/exec.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Pty, Session } from '../../../src/ssh/session.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const PTY: Pty = { term: 'xterm', columns: 80, rows: 24, onResize() {} }

/** Grace says `command`, and `input` is what comes on its standard input. */
async function said(command: string, input: readonly (string | Buffer)[], pty?: Pty) {
  const made = await memoryOffice()
  let out = ''
  let errors = ''
  async function* pieces() {
    for (const piece of input) yield Buffer.from(piece)
    // Somebody at a terminal does not hang up.
    if (pty) await new Promise(() => {})
  }
  const session = {
    identity: { account: 'grace', role: 'admin', by: 'password' },
    origin: { address: '192.0.2.1', port: 50_000, client: 'OpenSSH' },
    request: { type: 'exec', command, ...(pty && { pty }) },
    log: silentLog,
    signal: new AbortController().signal,
    draining: new AbortController().signal,
    onSignal() {},
    channel: {
      input: pieces(),
      async write(bytes: Uint8Array) {
        out += Buffer.from(bytes)
      },
      async writeError(bytes: Uint8Array) {
        errors += Buffer.from(bytes)
      },
    },
  } as unknown as Session
  const status = await adminExec({ actions: made.actions, now: () => 0 })(session)
  return { ...made, status, out, errors }
}

const PASSWD = 'user passwd ada --password-stdin'
/** As the office of the tests has it: how long the password was. */
const hashOf = async ({ accounts }: Awaited<ReturnType<typeof said>>) => (await accounts.get('ada'))?.password

test('exec: a password is the first line of the input, however it comes in pieces', async () => {
  const done = await said(PASSWD, ['a long ', 'password\r\nand ', 'more\n'])

  assert.deepEqual([done.status, done.errors], [0, ''])
  assert.equal(await hashOf(done), 'hash of 15')
})

test('exec: at a terminal the input ends with ^D, Enter ends a line, and what to do is said', async () => {
  const done = await said(PASSWD, ['a long pass', 'word\r\x04', 'never read'], PTY)

  assert.equal(done.status, 0)
  assert.match(done.out, /it is not shown; then Enter and \^D/)
  assert.equal(await hashOf(done), 'hash of 15')
})

test('exec: ^C at a terminal changes nothing', async () => {
  const done = await said(PASSWD, ['a long password', '\x03\r\x04'], PTY)

  assert.equal(done.status, 1)
  assert.match(done.out, /Nothing was changed/)
  assert.equal(await hashOf(done), undefined)
})

for (const command of [
  'user add x --password hunter2long',
  'user add x --password=hunter2long',
  'user passwd ada --password hunter2long',
  'user passwd ada hunter2long',
]) {
  test(`exec: ${command}: a password is not taken from the command line`, async () => {
    const done = await said(command, [])

    assert.equal(done.status, 2)
    assert.match(
      done.errors,
      command.includes(' --password') ? /never taken from the command line/ : /--password-stdin/,
    )
    assert.equal(await hashOf(done), undefined)
    assert.equal(await done.accounts.get('x'), undefined)
    assert.deepEqual(done.audited, [])
  })
}

test('exec: an input of more than 1 MiB is refused before it is kept', async () => {
  const done = await said(PASSWD, Array(20).fill(Buffer.alloc(64 * 1024, 'x')))

  assert.equal(done.status, 1)
  assert.match(done.errors, /1 MiB is the most/)
  assert.equal(await hashOf(done), undefined)
})

test('exec: the audit says from where', async () => {
  const { audited } = await said('user disable ada', [])

  assert.partialDeepStrictEqual(audited, [{ by: 'grace', from: '192.0.2.1' }])
})
