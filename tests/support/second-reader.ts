import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Reads a file again and again, in a process of its own; how often it found something else than was there at first. */
const READER = `
import { readFileSync } from 'node:fs'
const first = readFileSync(process.argv[1])
let rounds = 0, other = 0
process.on('SIGTERM', () => console.log(JSON.stringify({ rounds, other })))
console.log('reading')
const again = () => {
  rounds += 1
  try { if (!readFileSync(process.argv[1]).equals(first)) other += 1 } catch { other += 1 }
  setImmediate(again)
}
again()`

/** Does `act` while a second process reads the file: it finds what was there at first, at every instant. */
export async function whileRead(path: string, act: () => Promise<void>): Promise<void> {
  const reader = spawn(process.execPath, ['--input-type=module', '-e', READER, path])
  let out = ''
  const begun = once(reader.stdout, 'data')
  reader.stdout.on('data', (bytes: Buffer) => {
    out += bytes
    // Not by process.exit: amid a collection Node may wait there for its compiler's threads, and they for it, for good.
    if (out.split('\n').length > 2) reader.kill('SIGKILL')
  })
  const closed = once(reader, 'close')
  await begun
  try {
    await act()
  } finally {
    reader.kill('SIGTERM')
    await closed
  }
  const { rounds, other } = JSON.parse(out.split('\n')[1]!) as { rounds: number; other: number }
  assert.ok(rounds > 0)
  assert.equal(other, 0, `${other} of ${rounds} reads found something else`)
}
