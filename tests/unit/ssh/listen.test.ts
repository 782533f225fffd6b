import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { listenAt } from '../../../src/ssh/listen.ts'

const port = 0

// The start ended with a stack.
test('listening: an address that the system does not take is refused with what to do', async () => {
  await assert.rejects(listenAt(createServer(), { host: 'fe80::1', port }), {
    code: 'EINVAL',
    message: '"fe80::1" is an address of each interface: name the one that is meant with --host fe80::1%eth0',
  })
  await assert.rejects(listenAt(createServer(), { host: 'ff02::1', port }), {
    code: 'EINVAL',
    message: '"ff02::1" cannot be listened on (EINVAL): choose another with --host',
  })
})

test('listening: what is no address of this machine is said to be none', async () => {
  for (const host of ['192.0.2.1', '2001:db8::1'])
    await assert.rejects(listenAt(createServer(), { host, port }), {
      code: 'EINVAL',
      message: `"${host}" is not an address of this machine: choose another with --host`,
    })
})
