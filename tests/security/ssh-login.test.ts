// Mallory has no account. She has ada's public key, names that are words of JavaScript and messages that no client sends:
// she must not get in by them, and the server must not go down of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { wholeEd25519 } from '../../src/ssh/hostkeys.ts'
import { rawClient, sshString } from '../support/raw-client.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

const ANSWERS = ['USERAUTH_SUCCESS', 'USERAUTH_FAILURE'] as const
const nobody = async (): Promise<number> => 0

const ed25519 = parsed(wholeEd25519(() => ssh2.utils.generateKeyPairSync('ed25519')).private)
const rsa = parsed(ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private)
const keys = [ed25519.getPublicSSH(), rsa.getPublicSSH()]

function parsed(text: string | Buffer): ssh2.ParsedKey {
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) throw key
  return key
}

// Mallory has ada's public key from a public page. ssh2 answers a malformed signature with an Error object,
// which is true: whoever asks only "is it true" lets her in.
for (const [what, key, algorithm, length] of [
  ['an empty one', ed25519, 'ssh-ed25519', 0],
  ['one of 3 bytes', ed25519, 'ssh-ed25519', 3],
  ['one of 64 bytes', ed25519, 'ssh-ed25519', 64],
  ['an RSA one under an Ed25519 name', ed25519, 'rsa-sha2-256', 256],
  ['an Ed25519 one under an RSA name', rsa, 'ssh-ed25519', 64],
] as const) {
  test(`login: refuses a forged signature, ${what}`, async () => {
    await using porch = await startPorch(nobody, { keys })
    using mallory = await rawClient(porch.port, false)

    const answer = mallory.next(...ANSWERS)
    mallory.protocol.authPK(ADA.name, key, algorithm, (_, done) => done(Buffer.alloc(length, 7)))

    assert.notEqual((await answer).name, 'USERAUTH_SUCCESS')
  })
}

// A line of ada's keys was damaged by hand: its point lies on no curve, and OpenSSL gives up before it looks at a
// signature. ssh2 hands on that Error, and anybody who shows the same line would be ada.
test('login: refuses a signature that cannot be checked, because the key of the account is none', async () => {
  const blob = Buffer.concat([
    sshString('ecdsa-sha2-nistp256'),
    sshString('nistp256'),
    sshString(Buffer.alloc(65, 4)),
  ])
  assert.ok((parsed(blob).verify(Buffer.from('x'), Buffer.from('x')) as unknown) instanceof Error)
  await using porch = await startPorch(nobody, { keys: [blob] })
  using mallory = await rawClient(porch.port, false)

  const answer = mallory.next(...ANSWERS)
  mallory.send(
    Buffer.concat([
      Buffer.from([50]),
      ...[ADA.name, 'ssh-connection', 'publickey'].map(sshString),
      Buffer.from([1]),
      sshString('ecdsa-sha2-nistp256'),
      sshString(blob),
      sshString(
        Buffer.concat([
          sshString('ecdsa-sha2-nistp256'),
          sshString(Buffer.concat([sshString('r'), sshString('s')])),
        ]),
      ),
    ]),
  )

  assert.equal((await answer).name, 'USERAUTH_FAILURE')
})

// A collision attack on SHA-1 signs what ada never saw; her own RSA key counts only with SHA-2.
for (const [algorithm, hash, answer] of [
  ['ssh-rsa', 'sha1', 'USERAUTH_FAILURE'],
  ['rsa-sha2-256', 'sha256', 'USERAUTH_SUCCESS'],
] as const) {
  test(`login: answers a true ${algorithm} signature with ${answer}`, async () => {
    await using porch = await startPorch(nobody, { keys })
    using client = await rawClient(porch.port, false)

    const heard = client.next(...ANSWERS)
    client.protocol.authPK(ADA.name, rsa, algorithm, (blob, done) => done(rsa.sign(blob, hash) as Buffer))

    assert.equal((await heard).name, answer)
  })
}

// A stranger sends names that are members of every object, and a request to change the password, whose field is
// then no string: each once ended the process.
for (const name of ['__proto__', 'constructor', '']) {
  test(`login: refuses the name "${name}"`, async () => {
    await using porch = await startPorch(nobody)
    using client = await rawClient(porch.port, false)

    const heard = client.next(...ANSWERS)
    client.protocol.authPassword(name, ADA.password)

    assert.equal((await heard).name, 'USERAUTH_FAILURE')
  })
}

test('login: refuses to change a password', async () => {
  await using porch = await startPorch(nobody)
  using client = await rawClient(porch.port, false)

  const heard = client.next(...ANSWERS)
  client.protocol.authPassword(ADA.name, ADA.password, 'new')

  assert.equal((await heard).name, 'USERAUTH_FAILURE')
})

// Guessing goes on as long as the connection does.
test('login: ends the connection after its tries', { timeout: 20_000 }, async () => {
  await using porch = await startPorch(nobody, { limits: { tries: 3 } })
  using client = await rawClient(porch.port, false)

  const names: string[] = []
  for (let i = 0; i < 3; i += 1) {
    const heard = client.next(...ANSWERS)
    client.protocol.authPassword(ADA.name, 'guess')
    names.push((await heard).name)
  }
  const last = await client.next('USERAUTH_SUCCESS')

  assert.deepEqual([...names.slice(0, 2), last.name], ['USERAUTH_FAILURE', 'USERAUTH_FAILURE', 'closed'])
})

// A stranger does not wait for answers: ssh2's own queue of attempts, taken from at the wrong end, ended the process.
test('login: answers each of the attempts that were sent ahead', { timeout: 20_000 }, async () => {
  await using porch = await startPorch(nobody, { keys })
  using client = await rawClient(porch.port, false)

  let failures = 0
  const heard = client.next('USERAUTH_SUCCESS')
  client.protocol._handlers.USERAUTH_FAILURE = () => {
    failures += 1
  }
  client.protocol.authPassword(ADA.name, 'one')
  client.protocol.authPassword(ADA.name, 'two')
  client.protocol.authPK(ADA.name, ed25519, 'ssh-ed25519', (blob, done) => done(ed25519.sign(blob) as Buffer))

  assert.equal((await heard).name, 'USERAUTH_SUCCESS')
  assert.equal(failures, 2)
})

// ada's program asks for a password by a form, is shown it, and shows a password by itself instead.
test('login: a new attempt takes the place of one that was asked a question', {
  timeout: 60_000,
}, async () => {
  await using porch = await startPorch(nobody)
  using client = await rawClient(porch.port, false)

  const answers: string[] = []
  for (const [kind, attempt] of [
    ['USERAUTH_INFO_REQUEST', () => client.protocol.authKeyboard(ADA.name)],
    ['USERAUTH_INFO_REQUEST', () => client.protocol.authKeyboard(ADA.name)],
    ['USERAUTH_FAILURE', () => client.protocol.authNone(ADA.name)],
    ['USERAUTH_SUCCESS', () => client.protocol.authPassword(ADA.name, ADA.password)],
  ] as const) {
    const heard = client.next('USERAUTH_INFO_REQUEST', ...ANSWERS)
    attempt()
    answers.push((await heard).name)
    assert.equal(answers.at(-1), kind)
  }
})
