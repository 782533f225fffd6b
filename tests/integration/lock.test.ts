import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { takeLock } from '../../src/lock.ts'
import { PROJECT } from '../support/start-server.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('lock: one has it, the other is told who; then it is free, and nothing is left', () => {
  const lock = takeLock(folder)

  assert.throws(() => takeLock(folder), {
    code: 'EBUSY',
    message: new RegExp(`^Another server \\(process ${process.pid}\\) uses ".*": stop it first`),
  })
  lock[Symbol.dispose]()
  takeLock(folder)[Symbol.dispose]()

  assert.deepEqual(readdirSync(folder), ['data'])
})

test('lock: of a process that is gone, or whose number another has by now, or that says nothing, is taken over', () => {
  for (const left of ['999999999 5\n', `${process.pid} 1\n`, '', 'rubbish\n']) {
    writeFileSync(join(folder, 'lock'), left)

    using _ = takeLock(folder)

    assert.match(readFileSync(join(folder, 'lock'), 'utf8'), new RegExp(`^${process.pid} `))
  }
  assert.deepEqual(readdirSync(folder), ['data'])
})

// The number in VAR/lock names another process there, or none: two containers with one volume served it side by side.
test('lock: a process that cannot see who has it does not take it over', () => {
  const lock = takeLock(folder)
  writeFileSync(join(folder, 'lock'), '1 5\n')

  assert.throws(() => takeLock(folder, 50), {
    code: 'EBUSY',
    message: /lock\.sqlite" is held by a server in another container or on another machine, or by a backup: /,
  })

  lock[Symbol.dispose]()
  takeLock(folder)[Symbol.dispose]()
})

/** Takes and gives back the lock of a folder as fast as it can; a file that is made alone shows whether two had it. */
const GREEDY = `
import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
const { takeLock } = await import(process.argv[1])
const folder = process.argv[2]
let took = 0
while (took < 150) {
  let lock
  try { lock = takeLock(folder) } catch (error) { if (error.code !== 'EBUSY') throw error; continue }
  took += 1
  closeSync(openSync(folder + '/alone', 'wx'))
  rmSync(folder + '/alone')
  // Every third time it dies with the lock, as far as others can see.
  if (took % 3 === 0) {
    writeFileSync(folder + '/dead' + process.pid, '999999999 5\\n')
    renameSync(folder + '/dead' + process.pid, folder + '/lock')
  }
  lock[Symbol.dispose]()
}
`

test('lock: never two have it, though several take, leave and lose it all the time', async () => {
  const module = pathToFileURL(join(PROJECT, 'src/lock.ts')).href
  const words = ['--no-warnings', '--input-type=module', '-e', GREEDY, module, folder]
  const greedy = Array.from({ length: 3 }, () =>
    spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'pipe'], timeout: 60_000 }),
  )

  const ends = await Promise.all(
    greedy.map(async (child) => {
      const said = text(child.stderr)
      const [status] = await once(child, 'exit')
      return [status, await said]
    }),
  )

  assert.deepEqual(ends, [
    [0, ''],
    [0, ''],
    [0, ''],
  ])
})
