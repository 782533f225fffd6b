import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actions } from '../../../src/accounts/actions.ts'
import type { Actor } from '../../../src/accounts/actor.ts'
import { PRESETS } from '../../../src/accounts/rules.ts'
import type { Enrolment } from '../../../src/accounts/second-step.ts'
import { isOpError } from '../../../src/base/error.ts'
import { memoryOffice as office } from '../../support/memory-office.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
const HEIDI: Actor = { name: 'heidi', role: 'admin', from: '192.0.2.2' }
const MALLORY: Actor = { name: 'mallory', role: 'user', from: '192.0.2.3' }
const CONSOLE: Actor = { name: 'console', role: 'admin', from: 'console' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 ada'
const PROPOSED: Enrolment = { uri: '', secret: 'A'.repeat(32), recovery: ['aaaa-bbbb'] }

/** One call of each action, by its name: a new one must be written here before the tests are green. */
const CALLS: { readonly [Name in keyof Actions]: (actions: Actions, actor: Actor) => Promise<unknown> } = {
  allow: (actions, actor) => actions.allow(actor),
  add: (actions, actor) => actions.add(actor, { name: 'new' }),
  remove: (actions, actor) => actions.remove(actor, 'ada'),
  list: (actions, actor) => actions.list(actor),
  survey: (actions, actor) => actions.survey(actor),
  show: (actions, actor) => actions.show(actor, 'ada'),
  usage: (actions, actor) => actions.usage(actor, 'ada'),
  set: (actions, actor) => actions.set(actor, 'ada', { disabled: true }),
  setPassword: (actions, actor) => actions.setPassword(actor, 'ada', 'long enough'),
  setQuota: (actions, actor) => actions.setQuota(actor, 'ada', { bytes: 1 }),
  addKey: (actions, actor) => actions.addKey(actor, 'ada', KEY),
  removeKey: (actions, actor) => actions.removeKey(actor, 'ada', 'x'),
  proposeSecondStep: (actions, actor) => actions.proposeSecondStep(actor, 'ada'),
  provesSecondStep: (actions, actor) => actions.provesSecondStep(actor, 'ada', PROPOSED, '123456'),
  addSecondStep: (actions, actor) => actions.addSecondStep(actor, 'ada', PROPOSED),
  removeSecondStep: (actions, actor) => actions.removeSecondStep(actor, 'ada'),
  hasSecondStep: (actions, actor) => actions.hasSecondStep(actor, 'ada'),
  note: (actions, actor) => actions.note(actor, { event: 'server drained' }),
}

const refuses = (doing: Promise<unknown>, code: string, message?: RegExp) =>
  assert.rejects(
    doing,
    (error) => isOpError(error) && error.code === code && (message?.test(error.message) ?? true),
  )

test('actions: a user can do none of them, and nothing is stored, told or audited', async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const { accounts, actions, audited, ended } = await office()
    const before = await Array.fromAsync(accounts.list())

    await refuses(call(actions, MALLORY), 'EACCES')

    assert.deepEqual(await Array.fromAsync(accounts.list()), before, name)
    assert.deepEqual([audited, ended], [[], []], name)
  }
})

test('actions: an admin who was demoted, disabled, deleted, expired or is elsewhere meanwhile can do none', async () => {
  const meanwhile: Readonly<Record<string, (actions: Actions) => Promise<unknown>>> = {
    demoted: (actions) => actions.set(HEIDI, 'grace', { role: 'user' }),
    disabled: (actions) => actions.set(HEIDI, 'grace', { disabled: true }),
    deleted: (actions) => actions.remove(HEIDI, 'grace'),
    expired: (actions) => actions.set(HEIDI, 'grace', { expires: 1 }),
    elsewhere: (actions) => actions.set(HEIDI, 'grace', { networks: ['10.0.0.0/8'] }),
  }
  for (const [what, happens] of Object.entries(meanwhile)) {
    const { actions, audited } = await office()
    await happens(actions)
    const before = audited.length
    for (const [name, call] of Object.entries(CALLS)) {
      // What was done before is written down all the same.
      if (name === 'note') continue
      await refuses(call(actions, GRACE), 'EACCES')
      assert.equal(audited.length, before, `${name} when ${what}`)
    }
  }
})

test('actions: the console needs no account, and no account can pass for it', async () => {
  const { accounts, actions } = await office()
  await actions.add(CONSOLE, { name: 'console', role: 'user' })

  await refuses(actions.list({ name: 'console', role: 'admin', from: '192.0.2.3' }), 'EACCES')
  await refuses(actions.list({ name: 'console', role: 'user', from: 'console' }), 'EACCES')
  assert.equal((await accounts.get('console'))?.changedBy, 'console')
})

test('actions: a record that somebody changed meanwhile is not written over, and it says who it was', async () => {
  const { actions, audited } = await office()
  const { version } = await actions.show(HEIDI, 'ada')
  await actions.set(GRACE, 'ada', { rights: PRESETS['read-only']! }, version)
  const before = audited.length

  const meanwhile = /"ada" was changed meanwhile by grace: look again/
  await refuses(actions.set(HEIDI, 'ada', { disabled: true }, version), 'EBUSY', meanwhile)
  await refuses(actions.setQuota(HEIDI, 'ada', { bytes: 1 }, version), 'EBUSY', meanwhile)
  await refuses(actions.setPassword(HEIDI, 'ada', 'long enough', version), 'EBUSY', meanwhile)
  await refuses(actions.addKey(HEIDI, 'ada', KEY, version), 'EBUSY', meanwhile)
  await refuses(actions.remove(HEIDI, 'ada', version), 'EBUSY', meanwhile)
  const ada = await actions.show(HEIDI, 'ada')
  assert.deepEqual([ada.rights, ada.disabled, ada.version], [PRESETS['read-only'], false, version + 1])
  assert.equal(audited.length, before)
})

/** How one admin can put another out. */
const PUT_OUT: Readonly<Record<string, (actions: Actions, actor: Actor, name: string) => Promise<unknown>>> =
  {
    deletes: (actions, actor, name) => actions.remove(actor, name),
    demotes: (actions, actor, name) => actions.set(actor, name, { role: 'user' }),
    disables: (actions, actor, name) => actions.set(actor, name, { disabled: true }),
    expires: (actions, actor, name) => actions.set(actor, name, { expires: 1 }),
  }

test('actions: there is an admin left, whatever two do to each other and whoever is quicker', async () => {
  for (const [one, first] of Object.entries(PUT_OUT))
    for (const [other, second] of Object.entries(PUT_OUT)) {
      const { accounts, actions } = await office()
      const what = `one ${one}, the other ${other}`

      const both = await Promise.allSettled([first(actions, GRACE, 'heidi'), second(actions, HEIDI, 'grace')])

      assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1, what)
      const left = (await Array.fromAsync(accounts.list())).filter(
        ({ role, disabled, expires }) => role === 'admin' && !disabled && expires === null,
      )
      assert.equal(left.length, 1, what)
      for (const act of Object.values(PUT_OUT))
        await refuses(
          act(actions, CONSOLE, left[0]!.name),
          'EPERM',
          /is the last admin: make another one first/,
        )
    }
})

test('actions: one who may not come in any more does not count as the admin who is left', async () => {
  for (const gone of [{ disabled: true }, { expires: 1 }]) {
    const { actions } = await office()
    await actions.set(GRACE, 'heidi', gone)

    await refuses(actions.remove(GRACE, 'grace'), 'EPERM', /last admin/)
    await refuses(actions.set(GRACE, 'grace', { disabled: true }), 'EPERM', /last admin/)
  }
})

test('actions: a password of more than 1024 characters, a key more than 100, an unclear key: all refused', async () => {
  const { accounts, actions, audited } = await office()
  const line = (at: number, comment: string): string => {
    const blob = Buffer.from(KEY.split(' ')[1]!, 'base64')
    blob.writeUInt32BE(at, blob.length - 8)
    return `ssh-ed25519 ${blob.toString('base64')} ${comment}`
  }
  await accounts.update('ada', (account) => ({
    ...account,
    keys: Array.from({ length: 100 }, (_, at) => line(at, at < 2 ? 'twice' : `key${at}`)),
  }))

  await refuses(actions.setPassword(GRACE, 'ada', 'x'.repeat(1025)), 'EINVAL', /too long/)
  await refuses(actions.addKey(GRACE, 'ada', KEY), 'EINVAL', /at most 100 keys/)
  await refuses(actions.removeKey(GRACE, 'ada', 'twice'), 'EINVAL', /more than one key/)
  assert.deepEqual(audited, [])
  await actions.removeKey(GRACE, 'ada', 'key7')
  await actions.addKey(GRACE, 'ada', KEY)
  await actions.removeKey(GRACE, 'ada', 'key8')
  await actions.addKey(GRACE, 'ada', KEY)
  assert.equal((await accounts.get('ada'))?.keys.length, 99)
})

test('actions: many changes of one quota at once leave ledger and record alike', async () => {
  const { accounts, actions, limits } = await office()

  await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      actions.setQuota(GRACE, 'ada', at % 2 === 0 ? { bytes: at } : { files: at }),
    ),
  )

  assert.deepEqual(limits.get('ada'), (await accounts.get('ada'))?.quota)
  assert.deepEqual((await accounts.get('ada'))?.quota, { bytes: 18, files: 19 })
})

test('actions: who is disabled, deleted or gets another role is logged out; what else changes is told', async () => {
  const { actions, ended, changed } = await office()
  await actions.set(GRACE, 'ada', { sessions: 3 })
  assert.deepEqual([ended, changed], [[], ['ada']])
  await actions.set(GRACE, 'ada', { disabled: true })
  await actions.set(GRACE, 'mallory', { role: 'admin' })
  await actions.remove(GRACE, 'ada')

  assert.deepEqual(ended, ['ada', 'mallory', 'ada'])
})

test('actions: an audit line says who, from where, what, before and after, and holds no secret', async () => {
  const { actions, audited } = await office()
  await actions.setPassword(GRACE, 'ada', 'a secret of ada')
  await actions.addKey(GRACE, 'ada', KEY)
  await actions.set(GRACE, 'ada', { expires: 5 })

  assert.deepEqual(audited, [
    {
      event: 'account changed',
      account: 'ada',
      what: 'password',
      before: { password: false },
      after: { password: true },
      by: 'grace',
      from: '192.0.2.1',
    },
    {
      event: 'account changed',
      account: 'ada',
      what: 'key added',
      before: { keys: [] },
      after: { keys: ['SHA256:BStT4uB4x+TTzhdp5BalqHCN/EAHsqSYt0a2cR/riT8'] },
      by: 'grace',
      from: '192.0.2.1',
    },
    {
      event: 'account changed',
      account: 'ada',
      what: 'expires',
      before: { expires: null },
      after: { expires: 5 },
      by: 'grace',
      from: '192.0.2.1',
    },
  ])
})

test('actions: what was stored is in the audit, though the disk is full for what follows from it', async () => {
  const stored: readonly [event: string, act: (actions: Actions) => Promise<unknown>][] = [
    ['account added', (actions) => actions.add(GRACE, { name: 'new' })],
    ['quota changed', (actions) => actions.setQuota(GRACE, 'ada', { bytes: 1 })],
    ['account changed', (actions) => actions.set(GRACE, 'heidi', { home: true })],
  ]
  for (const [event, act] of stored) {
    const { accounts, actions, audited, disk } = await office()
    const before = await Array.fromAsync(accounts.list())
    disk.full = true

    await refuses(act(actions), 'ENOSPC')

    assert.notDeepEqual(await Array.fromAsync(accounts.list()), before, event)
    assert.deepEqual(
      audited.map((line) => line.event),
      [event],
    )
  }
})

test('actions: an account whose files cannot be moved is as it was, and the audit says that its sessions ended', async () => {
  const { accounts, actions, audited, codes, disk, ended } = await office()
  await actions.addSecondStep(GRACE, 'ada', await actions.proposeSecondStep(GRACE, 'ada'))
  const { version: _, changedBy: __, ...before } = (await accounts.get('ada'))!
  const lines = audited.length
  disk.fails = 'move'

  const why = /^"ada" could not be deleted \(ENOSPC\) and is as it was, but its sessions were ended\. /
  await refuses(actions.remove(GRACE, 'ada'), 'ENOSPC', why)

  assert.partialDeepStrictEqual(await accounts.get('ada'), before)
  assert.deepEqual([ended, await codes.has('ada')], [['ada'], true])
  assert.deepEqual(audited.slice(lines), [
    {
      event: 'account changed',
      account: 'ada',
      what: 'not deleted, sessions ended',
      by: 'grace',
      from: '192.0.2.1',
    },
  ])
  disk.fails = ''
  assert.equal(await actions.remove(GRACE, 'ada'), 'removed/x')
  assert.equal(await codes.has('ada'), false)
})

test('actions: an account whose record cannot be deleted has its files back', async () => {
  const { accounts, actions, moved } = await office()
  const { delete: works } = accounts
  const broken = async (): Promise<never> => {
    throw new Error('no such table')
  }
  Object.assign(accounts, { delete: broken })

  await refuses(actions.remove(GRACE, 'ada'), 'EIO', /"ada" could not be deleted \(internal error\)/)

  assert.deepEqual(moved, ['ada from removed/x'])
  assert.equal((await accounts.get('ada'))?.disabled, false)
  Object.assign(accounts, { delete: works })
  await actions.remove(GRACE, 'ada')
})

test('actions: an account whose files do not come back either stays disabled, and it says where they are', async () => {
  const { accounts, actions, disk } = await office()
  const broken = async (): Promise<never> => {
    throw new Error('no such table')
  }
  Object.assign(accounts, { delete: broken })
  disk.fails = 'return'

  await refuses(
    actions.remove(GRACE, 'ada'),
    'EIO',
    /and is disabled, and its files are in removed\/x or back/,
  )
  assert.equal((await accounts.get('ada'))?.disabled, true)
})

test('actions: nobody comes in while an account is deleted, and what another admin says of it meanwhile stays', async () => {
  for (const says of [{}, { disabled: true, sessions: 3 }]) {
    const { accounts, actions, live, disk } = await office()
    let seen: boolean | undefined
    Object.assign(live, {
      async end(name: string) {
        seen = (await accounts.get(name))?.disabled
        Object.assign(live, { end: () => {} })
        if (says.sessions) await actions.set(HEIDI, name, says)
      },
    })
    disk.fails = 'move'

    await refuses(actions.remove(GRACE, 'ada'), 'ENOSPC')

    assert.equal(seen, true)
    assert.equal((await accounts.get('ada'))?.disabled, says.disabled === true)
  }
})

test('actions: what could not be forgotten of a deleted account is said, and no heir of its name finds it', async () => {
  const { accounts, actions, audited, codes, disk, forgotten } = await office()
  await actions.addSecondStep(GRACE, 'ada', await actions.proposeSecondStep(GRACE, 'ada'))
  const { remove } = codes
  const broken = async (): Promise<never> => {
    throw new Error('no such table')
  }
  Object.assign(codes, { remove: broken })
  disk.fails = 'forget'

  const why = /^"ada" is deleted, and its files are in removed\/x, but not all that was noted about it/
  await refuses(actions.remove(GRACE, 'ada'), 'EIO', why)
  assert.equal(audited.at(-1)?.event, 'account deleted')
  assert.deepEqual([await accounts.get('ada'), await codes.has('ada')], [undefined, true])
  await assert.rejects(actions.add(GRACE, { name: 'ada' }), /no such table/)
  assert.equal(await accounts.get('ada'), undefined)

  Object.assign(codes, { remove })
  disk.fails = ''
  await actions.add(GRACE, { name: 'ada' })
  assert.deepEqual([forgotten, await codes.has('ada')], [['ada'], false])
})

test('actions: an account that is there is not forgotten by another of its name that cannot be made', async () => {
  const { actions, codes, forgotten } = await office()
  await actions.addSecondStep(GRACE, 'ada', await actions.proposeSecondStep(GRACE, 'ada'))

  await refuses(actions.add(GRACE, { name: 'ada' }), 'EEXIST')

  assert.deepEqual([forgotten, await codes.has('ada')], [[], true])
})

test('actions: an account that is deleted while it gets its codes leaves none to the next of its name', async () => {
  const { actions, codes } = await office()
  const made = await actions.proposeSecondStep(GRACE, 'ada')

  await Promise.allSettled([actions.remove(HEIDI, 'ada'), actions.addSecondStep(GRACE, 'ada', made)])
  assert.equal(await codes.has('ada'), false)
  await refuses(actions.addSecondStep(GRACE, 'ada', made), 'ENOENT')

  assert.equal(await codes.has('ada'), false)
})

test('actions: what no account can have is refused when it is made and when it is changed', async () => {
  for (const wrong of [{ sessions: 0 }, { networks: ['nowhere'] }, { rate: { up: 1, down: null } }]) {
    const { accounts, actions } = await office()

    await refuses(actions.add(GRACE, { name: 'new', ...wrong }), 'EINVAL')
    await refuses(actions.set(GRACE, 'ada', wrong), 'EINVAL')
    assert.equal(await accounts.get('new'), undefined)
  }
})

test('actions: a password of seven characters, or one that everybody knows, is none, by any way', async () => {
  for (const [password, why] of [
    ['seven77', /too short/],
    ['', /too short/],
    ['password', /everybody knows/],
  ] as const) {
    const { accounts, actions, audited } = await office()

    await refuses(actions.setPassword(GRACE, 'ada', password), 'EINVAL', why)
    await refuses(actions.add(GRACE, { name: 'new', password }), 'EINVAL', why)
    assert.equal(await accounts.get('new'), undefined)
    assert.deepEqual(audited, [])
  }
  const { actions } = await office()
  await actions.setPassword(GRACE, 'ada', 'eight888')
})

test('actions: with another password an account is no longer the one of the first start', async () => {
  const { accounts, actions } = await office()
  await accounts.update('ada', (account) => ({ ...account, demo: true }))
  await actions.set(GRACE, 'ada', { sessions: 3 })
  assert.equal((await accounts.get('ada'))?.demo, true)

  await actions.setPassword(GRACE, 'ada', 'long enough')

  assert.equal((await accounts.get('ada'))?.demo, false)
})
