import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { heldKeys } from '../../../src/client/keys.ts'

/** What Tab is asked to put in for keys that come in one piece, and the line that they make. */
async function typed(piece: string): Promise<{ readonly asked: string[]; readonly line: string }> {
  const input = Object.assign(new PassThrough(), { setRawMode() {} })
  const keys = heldKeys(input as unknown as NodeJS.ReadStream)
  const asked: string[] = []
  const lines = createInterface({
    input: keys.stream,
    output: new PassThrough(),
    terminal: true,
    completer(line: string, done: (error: null, result: [string[], string]) => void) {
      asked.push(line)
      setImmediate(done, null, [['ba', 'bo'], 'b'])
    },
  })
  const whole = new Promise<string>((resolve) => lines.once('line', resolve))
  keys.feed(lines)
  input.write(piece)
  input.write('\r')
  const line = await whole
  lines.close()
  return { asked, line }
}

test('keys: Tab twice in one piece, as over a slow line, is Tab twice', async () => {
  assert.deepEqual(await typed('put b\t\t'), { asked: ['put b', 'put b'], line: 'put b' })
})

test('keys: Tab in a paste is a blank of it', async () => {
  const paste = `put ${'b'.repeat(80)}\tc`

  assert.deepEqual(await typed(paste), { asked: [], line: paste })
})
