import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { type Fields, type Log, silentLog } from '../../../src/base/log.ts'
import { liveTransfers } from '../../../src/transfer/live.ts'
import { openFile, startSftp, writeOf } from '../../support/running-sftp.ts'

function recorded(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  const info = (event: string, fields: Fields = {}): void => {
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined)
    lines.push([event, ...shown.map(([name, value]) => `${name}=${value}`)].join(' '))
  }
  return { log: { ...silentLog, info }, lines }
}

test("log: an upload is told in OpenSSH's words, and nothing of its WRITEs", async () => {
  const { log, lines } = recorded()
  const running = await startSftp({ log })
  const name = Buffer.from('/ä\n', 'utf8').toString('latin1')
  const flags = { read: false, create: true, truncate: true }

  const handle = await openFile(running, name, flags)
  await running.answers(
    writeOf(1, handle, 0, 'four'),
    { type: 'close', id: 2, handle },
    { type: 'mkdir', id: 3, path: '/d', attrs: { mode: 0o700 } },
    { type: 'rename', id: 4, from: name, to: '/d/b' },
    { type: 'remove', id: 5, path: '/d/b' },
    { type: 'remove', id: 6, path: '/d/b' },
  )

  assert.deepEqual(lines, [
    'open path=/ä\\n flags=WRITE,CREATE,TRUNCATE mode=0666',
    'close path=/ä\\n read=0 written=4',
    'mkdir path=/d mode=0700',
    'rename path=/ä\\n to=/d/b',
    'remove path=/d/b',
  ])
})

test('log: a file whose closing fails is told apart from one that is whole, and its handle is gone', async () => {
  for (const late of [false, true]) {
    const { log, lines } = recorded()
    const running = await startSftp({ log })
    const open = running.vfs.open.bind(running.vfs)
    running.vfs.open = (...args) => ({
      ...open(...args),
      close() {
        const error = new OpError('EDQUOT', 'Quota used up')
        if (late) return Promise.reject(error)
        throw error
      },
    })
    const handle = await openFile(running, '/a')

    const [failed, gone] = await running.answers(
      { type: 'close', id: 1, handle },
      { type: 'close', id: 2, handle },
    )

    assert.equal(failed?.type === 'status' && failed.message, 'Quota used up')
    assert.equal(gone?.type === 'status' && gone.message, 'No such handle')
    assert.equal(lines[1], 'close failed path=/a read=0 written=0')
  }
})

test('log: what is open when the connection goes is closed by force, with its bytes', async () => {
  const { log, lines } = recorded()
  const running = await startSftp({ log })
  const handle = await openFile(running, '/a')
  await running.answers(writeOf(1, handle, 0, 'four'), { type: 'read', id: 2, handle, offset: 0, length: 3 })

  running.abort()
  await running.ended

  assert.equal(lines.at(-1), 'forced close path=/a read=3 written=4')
})

test('live: an open file is shown with its bytes until it is closed, and by its account alone', async () => {
  const live = liveTransfers()
  const running = await startSftp({ live })
  const handle = await openFile(running, '/a')
  await running.answers(writeOf(1, handle, 0, 'four'))

  const [transfer] = live.of('ada')
  assert.deepEqual([transfer?.path, transfer?.written, transfer?.read, transfer?.session], ['/a', 4, 0, 's1'])
  assert.deepEqual(live.of('mallory'), [])

  await running.answers({ type: 'close', id: 2, handle })
  assert.deepEqual(live.all(), [])
})

test('live: what a broken connection left open is not shown any more', async () => {
  const live = liveTransfers()
  const running = await startSftp({ live })
  await openFile(running, '/a')

  running.abort()
  await running.ended

  assert.deepEqual(live.all(), [])
})
