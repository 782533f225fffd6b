import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KeyValue } from '../../src/store/key-value.ts'

async function all(store: KeyValue, prefix: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for await (const [key, value] of store.entries(prefix)) {
    assert.equal(Object.hasOwn(found, key), false, `"${key}" came twice`)
    found[key] = value
  }
  return found
}

/** What every KeyValue does, whatever it is made of. `open` makes an empty one. */
export function keyValueContract(of: string, open: () => Promise<KeyValue>): void {
  const it = (does: string, work: (store: KeyValue) => Promise<void>) =>
    test(`${of}: ${does}`, async () => {
      await using store = await open()
      await work(store)
    })

  it('gives back what was set, and undefined for what was not', async (store) => {
    assert.equal(await store.get('a'), undefined)

    await store.set('a', { name: 'ada', keys: ['k1', 'k2'], quota: { bytes: null, files: 3 }, on: true })

    assert.deepEqual(await store.get('a'), {
      name: 'ada',
      keys: ['k1', 'k2'],
      quota: { bytes: null, files: 3 },
      on: true,
    })
    assert.equal(await store.get('A'), undefined)
  })

  it('replaces a value wholly', async (store) => {
    await store.set('a', { one: 1, two: 2 })
    await store.set('a', { two: 3 })

    assert.deepEqual(await store.get('a'), { two: 3 })
  })

  it('keeps a value apart from the object that was handed in, and from the one handed out', async (store) => {
    const given = { list: [1] }
    await store.set('a', given)
    given.list.push(2)
    const got = (await store.get('a')) as { list: number[] }
    got.list.push(3)

    assert.deepEqual(await store.get('a'), { list: [1] })
  })

  it('says of a deletion whether there was something', async (store) => {
    await store.set('a', 1)

    assert.equal(await store.delete('a'), true)
    assert.equal(await store.delete('a'), false)
    assert.equal(await store.get('a'), undefined)
  })

  it('lists what begins with a prefix, each once, and nothing else', async (store) => {
    for (const key of ['account/ada', 'account/grace', 'accounts', 'ban/1.2.3.4', 'account'])
      await store.set(key, key)

    assert.deepEqual(await all(store, 'account/'), {
      'account/ada': 'account/ada',
      'account/grace': 'account/grace',
    })
    assert.equal(Object.keys(await all(store, '')).length, 5)
    assert.deepEqual(await all(store, 'none/'), {})
  })

  it('lists many, more than any driver takes at a time', async (store) => {
    const keys = Array.from({ length: 350 }, (_, at) => `many/${at}`)
    for (const key of keys) await store.set(key, key)

    assert.deepEqual(Object.keys(await all(store, 'many/')).sort(), [...keys].sort())
  })

  it('takes a prefix as text: % and _ and * are letters', async (store) => {
    for (const key of ['a%b/1', 'axb/1', 'a_b/1', 'a*b/1']) await store.set(key, key)

    assert.deepEqual(Object.keys(await all(store, 'a%b/')), ['a%b/1'])
    assert.deepEqual(Object.keys(await all(store, 'a_b/')), ['a_b/1'])
    assert.deepEqual(Object.keys(await all(store, 'a*b/')), ['a*b/1'])
  })

  it('can be changed while it is listed', async (store) => {
    for (let at = 0; at < 20; at++) await store.set(`k/${at}`, at)

    for await (const [key] of store.entries('k/')) assert.equal(await store.delete(key), true)

    assert.deepEqual(await all(store, 'k/'), {})
  })

  it('takes any text as a key and any JSON as a value', async (store) => {
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    const value = fc
      .jsonValue({ maxDepth: 3 })
      .filter((json) => !/-0|__proto__/.test(JSON.stringify([json])) && !hasMinusZero(json))

    await fc.assert(
      fc.asyncProperty(key, value, async (name, json) => {
        await store.set(`any/${name}`, json)
        assert.deepEqual(await store.get(`any/${name}`), json)
        assert.equal(await store.delete(`any/${name}`), true)
      }),
      { numRuns: 60 },
    )
  })

  it('keeps __proto__ and constructor as keys like any other', async (store) => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      assert.equal(await store.get(key), undefined)
      await store.set(key, { key })
      assert.deepEqual(await store.get(key), { key })
    }
  })

  it('takes many sets at once', async (store) => {
    await Promise.all(Array.from({ length: 50 }, (_, at) => store.set(`at/${at}`, at)))

    assert.equal(Object.keys(await all(store, 'at/')).length, 50)
  })
}

/** JSON has one zero. */
function hasMinusZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(hasMinusZero)
  return Object.is(value, -0)
}
