import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { Authenticator } from '../../src/accounts/account.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { serve } from '../../src/ssh/server.ts'
import { hostKeys } from '../support/start-porch.ts'

const authenticator: Authenticator = {
  offered: async () => false,
  verify: async () => ({ account: 'ada', role: 'user', by: 'password' }),
}

// The time that a stranger has to log in was once counted for whoever had logged in, too.
test('porch: the grace time ends a stranger, and not who has logged in', async () => {
  await using porch = await serve({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys: await hostKeys(),
    limits: { graceMs: 1000 },
    log: silentLog,
    clock: systemClock,
    authenticator,
    handlerFor: () => async () => 0,
  })
  const { port } = porch.address
  const client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port, username: 'ada', password: 'x' })
  await once(client, 'ready')
  let ended = false
  client.once('close', () => {
    ended = true
  })

  // The server's timers of both run out in the order they were set: the stranger's is the later one.
  const stranger = connect(port, '127.0.0.1')
  stranger.resume()
  await once(stranger, 'close')

  assert.equal(ended, false)
  client.end()
})
