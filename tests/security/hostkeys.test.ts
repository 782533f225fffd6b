// Who has a host key is the server, to everybody who has ever connected to it.
import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import ssh2 from 'ssh2'
import { type HostKey, openHostKeys } from '../../src/ssh/hostkeys.ts'
import { run } from '../support/run-client.ts'

// Made by ssh2 1.17's generateKeyPairSync: its public key began with a zero byte, which is missing.
const SHORT = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMgAAAAtz
c2gtZWQyNTUxOQAAAB8+5ybUWTxV5ywh/Fn496uTIFqbIpAwQ0qsiQLgzn2/AAAA
iM0bcqPNG3KjAAAAC3NzaC1lZDI1NTE5AAAAHz7nJtRZPFXnLCH8Wfj3q5MgWpsi
kDBDSqyJAuDOfb8AAAA/2Hf5R6AxjuE615DUyIyZFsm9gRiMn5CtbFe997lTQwY+
5ybUWTxV5ywh/Fn496uTIFqbIpAwQ0qsiQLgzn2/AAAAB21pbmlmdHA=
-----END OPENSSH PRIVATE KEY-----
`

const FILES = ['ssh_host_ed25519_key', 'ssh_host_rsa_key', 'ssh_host_ecdsa_key']
const TYPES = ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256']
const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 3072 })

/** A folder without keys, where the RSA one is made in no time. */
function newFolder(t: TestContext, ...made: readonly { readonly private: string }[]): string {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'hostkeys-'))
  t.after(() => folder.remove())
  const make = ssh2.utils.generateKeyPairSync
  const left = [...made]
  t.mock.method(ssh2.utils, 'generateKeyPairSync', ((type: 'ed25519', options: object) =>
    type === 'ed25519' && left.length > 0
      ? left.shift()
      : (type as string) === 'rsa'
        ? rsa
        : make(type, options)) as never)
  return join(folder.path, 'hostkeys')
}

test('hostkeys: made at the first start for the owner alone, and the same at the next', async (t) => {
  const folder = newFolder(t)

  const first = await openHostKeys(folder)
  const second = await openHostKeys(folder)

  assert.deepEqual(
    first.map(({ type }) => type),
    TYPES,
  )
  assert.deepEqual(second, first)
  for (const file of FILES) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
})

test('hostkeys: each is told when it is made, and then no more', async (t) => {
  const folder = newFolder(t)
  const told: HostKey[] = []

  const keys = await openHostKeys(folder, (key) => told.push(key))
  assert.deepEqual(told, keys)
  await openHostKeys(folder, (key) => told.push(key))
  assert.equal(told.length, 3)
  rmSync(join(folder, FILES[1]!))
  await openHostKeys(folder, (key) => told.push(key))

  assert.deepEqual(
    told.map(({ type }) => type),
    [...TYPES, 'ssh-rsa'],
  )
})

test('hostkeys: one that ssh2 made too short is made again', async (t) => {
  const folder = newFolder(t, { private: SHORT })

  const [ed25519] = await openHostKeys(folder)

  assert.equal(ed25519!.blob.length, 51)
  assert.doesNotMatch(readFileSync(join(folder, FILES[0]!), 'latin1'), /BT5ybUWTxV5ywh/)
})

for (const mode of [0o640, 0o620, 0o604, 0o601]) {
  test(`hostkeys: one of mode ${mode.toString(8)} is refused, and how to mend it is said`, async (t) => {
    const folder = newFolder(t)
    await openHostKeys(folder)
    chmodSync(join(folder, FILES[1]!), mode)

    await assert.rejects(openHostKeys(folder), {
      code: 'EACCES',
      message: /ssh_host_rsa_key": run chmod 600/,
    })
  })
}

test('hostkeys: what is no key is refused, and not written over', async (t) => {
  const folder = newFolder(t)
  await openHostKeys(folder)
  const path = join(folder, FILES[0]!)
  writeFileSync(path, 'no key at all')

  await assert.rejects(openHostKeys(folder), {
    code: 'EINVAL',
    message: /is not a private key .*: remove it/,
  })
  assert.equal(readFileSync(path, 'latin1'), 'no key at all')
})

/** Whom root becomes, who may write anywhere. */
const NOBODY = 65_534
const OPENS = `
  const { openHostKeys } = await import(process.argv[1])
  console.log((await openHostKeys(process.argv[2])).map(({ type }) => type).join())`

// A secret that is mounted read-only, as of a release that knew two kinds.
test('hostkeys: a folder that cannot be written into goes without the kind for old clients', async (t) => {
  const folder = newFolder(t)
  await openHostKeys(folder)
  rmSync(join(folder, FILES[2]!))
  const isRoot = process.getuid?.() === 0
  const paths = [join(folder, '..'), folder, ...readdirSync(folder).map((file) => join(folder, file))]
  if (isRoot) for (const path of paths) chownSync(path, NOBODY, NOBODY)
  chmodSync(folder, 0o500)
  const as = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
  const module = new URL('../../src/ssh/hostkeys.ts', import.meta.url).href
  const [first, ...rest] = [...as, process.execPath, '--input-type=module', '-e', OPENS, module, folder]

  const { stdout, stderr } = await run(first!, rest)

  // For who is not root to remove it.
  chmodSync(folder, 0o700)
  assert.deepEqual([stdout, stderr], ['ssh-ed25519,ssh-rsa\n', ''])
})
