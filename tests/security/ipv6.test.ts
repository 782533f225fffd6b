// Mallory's provider gave her what it gives every customer: 18 million million million addresses (a /64). She guesses from
// a new one each time, and sits silent on a new one each time; counted singly none of them ever does too much.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { run } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const HERS = ['2001:db8:0:1::1', '2001:db8:0:1::beef', '2001:db8:0:1:5:6:7:8']
const ADAS = '2001:db8:0:2::1'
const SPARED = '2001:db8:0:3::1'
/** A guard that is not there shows by waiting, in ms. */
const LATE = 20_000

if (process.env.TEST_NETWORK !== undefined) inside()
else {
  const skip = spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status !== 0
  test('IPv6: a /64 is counted as one address (in a network of its own)', { skip }, async () => {
    const add = [...HERS, ADAS, SPARED].map((address) => `ip addr add ${address}/64 dev lo nodad`)
    const script = ['ip link set lo up', ...add, 'exec "$@"'].join(' && ')
    const words = ['--net', 'sh', '-c', script, 'sh', process.execPath, '--no-warnings', import.meta.filename]
    const env = { ...process.env, TEST_NETWORK: 'its own', NODE_TEST_CONTEXT: undefined }

    const { status, stdout, stderr } = await run('unshare', words, { env })

    assert.equal(status, 0, `${stdout}${stderr}`)
  })
}

function inside(): void {
  const come = (server: TestServer, localAddress: string): Socket => {
    const socket = connect({ port: server.port, host: localAddress, localAddress })
    socket.on('error', () => {})
    return socket
  }
  /** What the server says first, or '' when it says nothing and closes. */
  const greeting = async (server: TestServer, address: string, text = ''): Promise<string> => {
    const socket = come(server, address)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(text)
    let said = ''
    socket.on('data', (bytes) => {
      said += bytes.toString('latin1')
      if (text === '') socket.destroy()
    })
    await closed
    return said
  }

  test('IPv6: offences of one /64 ban all of it, no other, and none that is spared', async () => {
    await using server = await startServer({
      args: ['--host', '::'],
      env: { MINIFTP_GUARD_ALLOW: '2001:db8:0:3::/64', MINIFTP_GUARD_THRESHOLD: '4' },
    })

    for (const address of [...HERS.slice(0, 2), SPARED, SPARED])
      await greeting(server, address, 'GET / HTTP/1.1\r\n')

    assert.equal(await greeting(server, HERS[2]!), '')
    for (const address of [ADAS, SPARED]) assert.match(await greeting(server, address), /^SSH-2\.0-/)
    const { stdout } = await server.console(['ban', 'list', '--json'])
    assert.deepEqual(
      (JSON.parse(stdout) as { address: string }[]).map(({ address }) => address),
      ['2001:db8:0:1::/64'],
    )
    await server.console(['ban', 'lift', HERS[1]!])
    assert.match(await greeting(server, HERS[0]!), /^SSH-2\.0-/)
  })

  test('IPv6: the silent ones of a /64 share what one address may have', async () => {
    await using server = await startServer({
      args: ['--host', '::'],
      env: {
        MINIFTP_MAX_SILENT_PER_ADDRESS: '2',
        MINIFTP_SILENT_TIME: '0',
        MINIFTP_LOGIN_GRACE: '10m',
      },
    })
    const sit = async (address: string): Promise<Socket> => {
      const socket = come(server, address)
      await once(socket, 'data')
      return socket.resume()
    }
    const other = await sit(ADAS)
    const [first, ...others] = [await sit(HERS[0]!), await sit(HERS[1]!), await sit(HERS[2]!)]

    if (!first!.closed) await once(first!, 'close', { signal: AbortSignal.timeout(LATE) })

    assert.deepEqual(
      [other, ...others].map(({ destroyed }) => destroyed),
      [false, false, false],
    )
    for (const socket of [other, ...others]) socket.destroy()
  })
}
