import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { wholeEd25519 } from '../../../src/ssh/hostkeys.ts'

// Made by ssh2 1.17's generateKeyPairSync: its public key began with a zero byte, which is missing.
const SHORT = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMgAAAAtz
c2gtZWQyNTUxOQAAAB8+5ybUWTxV5ywh/Fn496uTIFqbIpAwQ0qsiQLgzn2/AAAA
iM0bcqPNG3KjAAAAC3NzaC1lZDI1NTE5AAAAHz7nJtRZPFXnLCH8Wfj3q5MgWpsi
kDBDSqyJAuDOfb8AAAA/2Hf5R6AxjuE615DUyIyZFsm9gRiMn5CtbFe997lTQwY+
5ybUWTxV5ywh/Fn496uTIFqbIpAwQ0qsiQLgzn2/AAAAB21pbmlmdHA=
-----END OPENSSH PRIVATE KEY-----
`

test('hostkeys: a key that ssh2 made too short is made again', () => {
  const good = wholeEd25519(() => ssh2.utils.generateKeyPairSync('ed25519'))
  const made = [{ private: SHORT }, good]

  assert.equal(wholeEd25519(() => made.shift()!).private, good.private)
  assert.ok(!(ssh2.utils.parseKey(good.private) instanceof Error))
})
