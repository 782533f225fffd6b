import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actor } from '../../../src/accounts/actor.ts'
import { SERVER_WORDS } from '../../../src/admin/server-words.ts'
import { runWords } from '../../../src/admin/words.ts'
import { memoryDesk } from '../../support/memory-desk.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
const MALLORY: Actor = { name: 'mallory', role: 'user', from: '192.0.2.3' }

async function server() {
  const { desk, guard, done } = await memoryDesk()
  const { actions, audited } = await memoryOffice()
  const said = async (line: string, actor = GRACE, run = actions) => {
    const printed: string[] = []
    const complained: string[] = []
    const io = {
      print: (text: string) => void printed.push(text),
      complain: (text: string) => void complained.push(text),
      input: async () => '',
      confirm: async () => undefined,
      stop: () => new AbortController().signal,
    }
    const status = await runWords(line.split(' '), actor, { actions: run, now: () => 0, desk }, io)
    return { status, printed: printed.join('\n'), complained: complained.join('\n') }
  }
  return { actions, audited, desk, guard, done, said }
}

const LINES = [
  'session list',
  'session end 7',
  'ban list',
  'ban add 192.0.2.9',
  'ban lift 192.0.2.9',
  'log',
  'log --follow',
  'server status',
  'server drain',
  'server restart',
]

test('server words: to who is no admin, or none any more, the server shows and does nothing', async () => {
  const known = Object.keys(SERVER_WORDS)
  assert.deepEqual(
    known.filter((word) => !LINES.some((line) => `${line} `.startsWith(`${word} `))),
    [],
  )
  for (const line of LINES) {
    for (const actor of [MALLORY, GRACE]) {
      const { actions, audited, done, guard, said } = await server()
      await guard.ban('192.0.2.9', 1000, 'by heidi')
      await actions.set({ ...GRACE, name: 'heidi' }, 'grace', { role: 'user' })
      const before = audited.length
      const { status, printed, complained } = await said(line, actor)

      assert.equal(status, 1, line)
      assert.equal(printed, '', line)
      assert.match(complained, /Only an admin may do that|no admin any more/)
      assert.deepEqual([done, audited.length], [[], before], line)
    }
  }
})

test('server words: an admin who is none any more hears no further lines of a log that is followed', async () => {
  const { actions, desk, said } = await server()
  const followLog = async function* () {
    yield [JSON.stringify({ at: '2026-01-01T00:00:00.000Z', event: 'one' })]
    await actions.set({ ...GRACE, name: 'heidi' }, 'grace', { role: 'user' })
    yield [JSON.stringify({ at: '2026-01-01T00:00:00.000Z', event: 'two' })]
  }
  Object.assign(desk, { followLog })
  const { status, printed } = await said('log --follow')

  assert.equal(status, 1)
  assert.match(printed, /one/)
  assert.doesNotMatch(printed, /two/)
})

test('server words: a ban ends the connections of its network, and the audit says how many', async () => {
  const { audited, done, guard, said } = await server()
  const { status, printed } = await said('ban add 2001:db8:0:1::5 --for 2h')

  assert.equal(status, 0)
  assert.match(printed, /"2001:db8:0:1::\/64" is banned until .*; 2 connections are ended/)
  assert.ok(guard.banned('2001:db8:0:1::99'))
  assert.ok(done.includes('end from 2001:db8:0:1::/64'))
  assert.partialDeepStrictEqual(audited, [
    { event: 'ban made', address: '2001:db8:0:1::/64', ended: 2, by: 'grace', from: '192.0.2.1' },
  ])
})

for (const [address, from, why] of [
  ['127.0.0.1', '192.0.2.1', /is one of guard-allow/],
  ['192.0.2.1', '192.0.2.1', /You come from "192.0.2.1" yourself/],
  ['2001:db8:0:1::5', '2001:db8:0:1::6', /You come from/],
  ['::ffff:192.0.2.1', '192.0.2.1', /You come from/],
  ['nowhere', '192.0.2.1', /is not an address/],
  ['192.0.2.0/24', '192.0.2.1', /is not an address/],
] as const) {
  test(`server words: ${address} cannot be banned from ${from}`, async () => {
    const { audited, done, guard, said } = await server()
    const { status, complained } = await said(`ban add ${address}`, { ...GRACE, from })

    assert.equal(status, why.source.startsWith('is not') ? 2 : 1)
    assert.match(complained, why)
    assert.deepEqual([guard.list(), audited], [[], []])
    assert.ok(done.every((what) => !what.startsWith('end')))
  })
}

test('server words: a ban for longer than ten years is refused before anything is stored', async () => {
  const { audited, done, guard, said } = await server()
  for (const span of ['3651d', '100000000d']) {
    const { status, complained } = await said(`ban add 192.0.2.9 --for ${span}`)

    assert.equal(status, 2)
    assert.match(complained, /at most ten years/)
  }
  assert.deepEqual([guard.list(), audited], [[], []])
  assert.ok(done.every((what) => !what.startsWith('end')))
  assert.equal((await said('ban add 192.0.2.9 --for 3650d')).status, 0)
  assert.equal((await said('ban list')).status, 0)
})

test('server words: the console, which comes from nowhere, bans any address', async () => {
  const { guard, said } = await server()
  const { status } = await said('ban add 192.0.2.1', { ...GRACE, from: 'console' })

  assert.equal(status, 0)
  assert.ok(guard.banned('192.0.2.1'))
})

test('server words: what is not there is neither ended nor lifted, and the audit says nothing of it', async () => {
  const { audited, done, said } = await server()

  assert.match((await said('session end 8')).complained, /There is no session "8"/)
  assert.match((await said('ban lift 192.0.2.9')).complained, /is not banned/)
  assert.deepEqual([audited, done.filter((what) => what.startsWith('end'))], [[], []])
})

test('server words: what is done to the server is in the audit first', async () => {
  const { audited, done, said } = await server()
  for (const line of ['session end 7', 'server drain', 'server restart']) await said(line)

  assert.deepEqual(
    audited.map(({ event }) => event),
    ['session ended', 'server drained', 'server restarted'],
  )
  assert.deepEqual(
    done.filter((what) => what !== 'sessions'),
    ['end 7', 'drain', 'restart'],
  )
})
