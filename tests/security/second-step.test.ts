// Mallory has ada's password, from another site where she used it too, and for a while even her key. What she has not
// is ada's telephone.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TOTP } from 'otpauth'
import ssh2 from 'ssh2'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let secret: string
let recovery: string[]

before(async () => {
  server = await startServer()
  const { status, stdout, stderr } = await server.console(['totp', 'add', 'ada', '--json'])
  assert.equal(status, 0, stderr)
  const made = JSON.parse(stdout) as { secret: string; recovery: string[] }
  secret = made.secret
  recovery = [...made.recovery]
})
after(() => server[Symbol.asyncDispose]())

/** Logs in with these methods, and these answers to what is asked; what was asked, and whether it came in. */
function login(
  methods: readonly ('password' | 'publickey' | 'keyboard-interactive')[],
  answers: readonly string[],
): Promise<{ readonly came: boolean; readonly asked: readonly string[] }> {
  return new Promise((resolve) => {
    const asked: string[] = []
    const left = [...answers]
    const client = new ssh2.Client()
    const done = (came: boolean) => (): void => {
      client.end()
      resolve({ came, asked })
    }
    client.once('ready', done(true))
    client.once('error', done(false))
    client.once('close', done(false))
    client.on('keyboard-interactive', (_name, _text, _language, prompts, finish) => {
      asked.push(...prompts.map(({ prompt }) => prompt))
      finish(prompts.map(() => left.shift() ?? ''))
    })
    const queue = [...methods]
    client.connect({
      host: server.host,
      port: server.port,
      username: 'ada',
      password: server.password,
      privateKey: readFileSync(server.key),
      tryKeyboard: true,
      authHandler: (_left, _partial, next) => next((queue.shift() ?? false) as never),
    })
  })
}

const code = (ahead = 0): string => new TOTP({ secret }).generate({ timestamp: Date.now() + ahead * 30_000 })

test('one-time code: password and key alone let nobody in, nor both', async () => {
  for (const methods of [['password'], ['publickey'], ['publickey', 'password']] as const) {
    assert.deepEqual(await login(methods, []), { came: false, asked: [] })
  }
})

test('one-time code: after the password it lets in, once', async () => {
  const shown = code()
  const first = await login(['password', 'keyboard-interactive'], [shown])
  const again = await login(['password', 'keyboard-interactive'], [shown])

  assert.deepEqual(first, { came: true, asked: ['One-time code: '] })
  assert.equal(again.came, false)
})

test('one-time code: after a key, and after a password that was asked for in the same way', async () => {
  const byKey = await login(['publickey', 'keyboard-interactive'], [recovery.pop()!])
  const asked = await login(['keyboard-interactive'], [server.password, recovery.pop()!])

  assert.deepEqual(byKey, { came: true, asked: ['One-time code: '] })
  assert.deepEqual(asked, { came: true, asked: ['Password: ', 'One-time code: '] })
})

test('one-time code: alone, or after a wrong password, it is not even asked for', async () => {
  const alone = await login(['keyboard-interactive'], [recovery.at(-1)!])
  const wrong = await login(['keyboard-interactive'], ['wrong', recovery.at(-1)!])

  assert.deepEqual(alone, { came: false, asked: ['Password: '] })
  assert.deepEqual(wrong, { came: false, asked: ['Password: '] })
})

test('one-time code: wrong ones end the connection as wrong passwords do', async () => {
  const guesses = Array.from({ length: 7 }, () => 'keyboard-interactive' as const)
  const { came, asked } = await login(['password', ...guesses], Array(7).fill('000000'))

  assert.equal(came, false)
  assert.equal(asked.length, 6)
})

test('one-time code: an account made again under the same name does not inherit it', async () => {
  const named = ['bob', '--password-stdin']
  await server.console(['user', 'add', ...named], server.password)
  await server.console(['totp', 'add', 'bob'])
  await server.console(['user', 'del', 'bob', '--yes'])
  await server.console(['user', 'add', ...named], server.password)

  const { stdout } = await server.console(['totp', 'show', 'bob', '--json'])

  assert.deepEqual(JSON.parse(stdout), { name: 'bob', totp: false })
})

test('one-time code: the words show a QR code, and the secret goes into no log', async () => {
  const { stdout } = await server.console(['totp', 'add', 'grace'])
  await server.console(['totp', 'del', 'grace'])

  const rows = stdout.split('\n').filter((line) => /^[█▀▄ ]{20,}$/.test(line))
  const typed = /: ([A-Z2-7]{32})$/m.exec(stdout)?.[1]
  // It must fit a terminal of 24 lines.
  assert.ok(rows.length >= 15 && rows.length <= 20, String(rows.length))
  assert.ok(typed)
  assert.ok(!server.said().includes(typed))
})
