import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from '../../../src/admin/enquirer.ts'
import { openKeyboard } from '../../../src/admin/keyboard.ts'

/** A terminal that sends its pieces one by one, and how many of them were taken. */
function terminal(pieces: readonly string[], ready: () => Promise<void> = async () => {}) {
  const taken = { count: 0 }
  async function* input() {
    for (const piece of pieces) {
      taken.count += 1
      yield Buffer.from(piece)
    }
    await new Promise(() => {})
  }
  const ended: unknown[] = []
  const keyboard = openKeyboard({ input: input(), ready, over: (error) => void ended.push(error) })
  return { keyboard, taken, ended }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Everything that is pressed, until `count` keys came. */
function heard(keyboard: ReturnType<typeof openKeyboard>, count: number): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>()
  const keys: string[] = []
  keyboard.attach((text: string | undefined, key: Key) => {
    keys.push(text ?? key.name ?? '')
    if (keys.length === count) resolve(keys)
  })
  return promise
}

test('keyboard: a terminal that takes no output gives no keys until it does', async () => {
  const gate = Promise.withResolvers<void>()
  const { keyboard, taken } = terminal(['a', 'b', 'c'], () => gate.promise)
  await turns()
  assert.equal(taken.count, 1)

  gate.resolve()
  assert.deepEqual(await heard(keyboard, 3), ['a', 'b', 'c'])
  keyboard[Symbol.dispose]()
})

test('keyboard: what is typed ahead waits at the client once 256 keys are kept, and none is lost', async () => {
  const { keyboard, taken } = terminal(Array.from({ length: 20 }, () => 'x'.repeat(100)))
  await turns()
  assert.equal(taken.count, 3)

  assert.equal((await heard(keyboard, 2000)).length, 2000)
  keyboard[Symbol.dispose]()
})

test('keyboard: ^Z is no key, ^C is one', async () => {
  const { keyboard } = terminal(['a\x1a\x03b'])

  assert.deepEqual(await heard(keyboard, 3), ['a', '\x03', 'b'])
  keyboard[Symbol.dispose]()
})

test('keyboard: the next key is given when the one before is dealt with', async () => {
  const { keyboard } = terminal(['ab'])
  const gate = Promise.withResolvers<void>()
  const keys: (string | undefined)[] = []
  const both = Promise.withResolvers<void>()
  keyboard.attach(async (text) => {
    keys.push(text)
    if (keys.length === 2) both.resolve()
    await gate.promise
  })
  await turns()
  assert.deepEqual([keys, keyboard.more], [['a'], true])

  gate.resolve()
  await both.promise
  assert.equal(keyboard.more, false)
  keyboard[Symbol.dispose]()
})

test('keyboard: a listener that fails is told, and nobody hears after the end', async () => {
  const { keyboard, ended } = terminal(['a'])
  keyboard.attach(() => {
    throw new Error('broken')
  })
  await turns()

  assert.match(String(ended[0]), /broken/)
  keyboard[Symbol.dispose]()
})
