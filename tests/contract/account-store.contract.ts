import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Account } from '../../src/accounts/account.ts'
import { newAccount } from '../../src/accounts/rules.ts'
import type { AccountStore } from '../../src/accounts/store.ts'

const ada: Account = {
  ...newAccount('ada', 'user'),
  password: '$argon2id$v=19$…',
  keys: ['ssh-ed25519 AAAA ada'],
  quota: { bytes: 10, files: null },
}

/** What every AccountStore does. `open` gives two of one store, as two processes have it. */
export function accountStoreContract(
  of: string,
  open: () => Promise<{ readonly one: AccountStore; readonly other: AccountStore } & AsyncDisposable>,
): void {
  const it = (does: string, work: (one: AccountStore, other: AccountStore) => Promise<void>) =>
    test(`${of}: ${does}`, async () => {
      await using stores = await open()
      await work(stores.one, stores.other)
    })

  it('gives back an account as it was made, at version 1', async (one, other) => {
    await one.create(ada)

    assert.deepEqual(await one.get('ada'), { ...ada, version: 1 })
    assert.deepEqual(await other.get('ada'), { ...ada, version: 1 })
    assert.equal(await one.get('eve'), undefined)
  })

  it('refuses a name that is taken, and leaves who has it alone', async (one, other) => {
    await one.create(ada)

    for (const store of [one, other]) {
      await assert.rejects(store.create({ ...ada, role: 'admin' }), { code: 'EEXIST', message: /"ada"/ })
    }
    assert.equal((await one.get('ada'))?.role, 'user')
  })

  it('lets one of many creations of a name through', async (one, other) => {
    const tries = await Promise.allSettled([one, other, one, other].map((store) => store.create(ada)))

    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  it('changes an account, counts the version, and keeps the name', async (one, other) => {
    await one.create(ada)

    const changed = await one.update('ada', (account) => ({
      ...account,
      name: 'eve',
      disabled: true,
      version: 99,
    }))

    assert.deepEqual([changed.name, changed.disabled, changed.version], ['ada', true, 2])
    assert.deepEqual(await other.get('ada'), changed)
    assert.equal(await one.get('eve'), undefined)
  })

  it('loses no change of many at once', async (one) => {
    await one.create({ ...ada, sessions: 0 })

    await Promise.all(
      Array.from({ length: 20 }, () =>
        one.update('ada', (account) => ({ ...account, sessions: (account.sessions ?? 0) + 1 })),
      ),
    )

    const { sessions, version } = (await one.get('ada'))!
    assert.deepEqual([sessions, version], [20, 21])
  })

  it('loses no change of two processes: each counts, or is refused with EBUSY', async (one, other) => {
    await one.create({ ...ada, sessions: 0 })
    let done = 0
    const add = async (store: AccountStore): Promise<void> => {
      try {
        await store.update('ada', (account) => ({ ...account, sessions: (account.sessions ?? 0) + 1 }))
        done += 1
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'EBUSY')
      }
    }

    await Promise.all(Array.from({ length: 20 }, (_, at) => add(at % 2 ? one : other)))

    assert.ok(done > 0)
    assert.equal((await one.get('ada'))?.sessions, done)
  })

  it('refuses a change of who looked at an older version', async (one, other) => {
    await one.create(ada)
    await other.update('ada', (account) => ({ ...account, disabled: true }))

    await assert.rejects(
      one.update('ada', (account) => ({ ...account, role: 'admin' }), 1),
      { code: 'EBUSY', message: /look again/ },
    )
    await one.update('ada', (account) => ({ ...account, expires: 5 }), 2)

    assert.deepEqual(await one.get('ada'), { ...ada, disabled: true, expires: 5, version: 3 })
  })

  it('says who is not there', async (one) => {
    await assert.rejects(
      one.update('eve', (account) => account),
      { code: 'ENOENT', message: /"eve"/ },
    )
    await assert.rejects(one.delete('eve'), { code: 'ENOENT', message: /"eve"/ })
  })

  it('deletes an account, whose name is free then', async (one, other) => {
    await one.create(ada)
    await one.update('ada', (account) => ({ ...account, disabled: true }))

    await one.delete('ada')
    assert.equal(await other.get('ada'), undefined)
    await other.create(ada)

    assert.deepEqual(await one.get('ada'), { ...ada, version: 1 })
  })

  it('lists accounts by name', async (one, other) => {
    for (const name of ['grace', 'ada', 'a_1', 'z.9-']) await one.create(newAccount(name, 'user'))

    const names: string[] = []
    for await (const { name } of other.list()) names.push(name)

    assert.deepEqual(names, ['a_1', 'ada', 'grace', 'z.9-'])
  })

  it('has no account that the language has: __proto__, constructor', async (one) => {
    for (const name of ['__proto__', 'constructor']) assert.equal(await one.get(name), undefined)
  })
}
