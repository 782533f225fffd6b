import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { wholeEd25519 } from '../../../src/ssh/hostkeys.ts'
import { type HybridProtocol, offerHybrid } from '../../../src/ssh/hybrid-exchange.ts'
import { HYBRID } from '../../../src/ssh/mlkem.ts'

const protocolOf = (peer: object) => (peer as { _protocol: HybridProtocol })._protocol

/** A server and a client of ssh2, the hybrid offered by those named; the exchanges they came to, before and after a rekey. */
async function exchanges(offering: { server: boolean; client: boolean }) {
  const hostKeys = [wholeEd25519(() => ssh2.utils.generateKeyPairSync('ed25519')).private]
  const seen: string[] = []
  let rekey = () => {}
  const server = new ssh2.Server({ hostKeys }, (peer) => {
    if (offering.server) offerHybrid(protocolOf(peer))
    peer.on('authentication', (context) => context.accept())
    peer.on('handshake', (agreed) => seen.push(agreed.kex))
    rekey = () => peer.rekey(() => peer.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new ssh2.Client()
  client.connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    username: 'ada',
    password: 'x',
  })
  if (offering.client) offerHybrid(protocolOf(client))
  client.on('handshake', (agreed) => seen.push(agreed.kex))
  await once(client, 'ready')
  rekey()
  await once(client, 'close')
  server.close()
  return seen
}

test('hybrid exchange: two who offer it agree on it, and again when they rekey', async () => {
  assert.deepEqual(await exchanges({ server: true, client: true }), [HYBRID, HYBRID, HYBRID, HYBRID])
})

for (const offering of [
  { server: true, client: false },
  { server: false, client: true },
]) {
  test(`hybrid exchange: offered by one side alone, the classic exchange is made (${JSON.stringify(offering)})`, async () => {
    const seen = await exchanges(offering)

    assert.equal(seen.length, 4)
    for (const kex of seen) assert.match(kex, /^curve25519-sha256/)
  })
}
