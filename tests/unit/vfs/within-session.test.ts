import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, NEW, onDisk, p, put } from '../../support/staged-files.ts'

test('within the session: the name means the staged file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'old content')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  assert.equal((await vfs.stat(p('/a'))).size, 3)
  const again = await vfs.open(p('/a'), { write: true, append: true })
  await again.write(bytes('er'), 0)
  await again.close()
  await vfs.setstat(p('/a'), { mode: 0o600 })
  assert.equal(await onDisk(ada, 'a'), 'old content')
  await vfs.rename(p('/a'), p('/b'), { replace: false })

  assert.equal(await onDisk(ada, 'b'), 'newer')
  await file.write(bytes('!'), 5)
  await file.close()
  assert.equal(await onDisk(ada, 'b'), 'newer!')
  assert.deepEqual(await readdir(ada.home), ['b'])
  await balanced(ada)
})

test('within the session: two requests that commit an overwrite open its file once, and a CLOSE meanwhile closes it', async () => {
  await using ada = await stagedAccount({ durable: 'overwrite' })
  const vfs = await ada.session()
  const fileDescriptors = () => readdirSync('/proc/self/fd').length
  await put(vfs, '/a', '1234567890')
  const before = fileDescriptors()
  for (const again of ['/b', '/a']) {
    const from = again === '/b' ? '/a' : '/b'
    const file = await vfs.open(p(from), NEW)
    await file.write(bytes('abc'), 0)
    const [, , closed] = await Promise.allSettled([
      vfs.rename(p(from), p(again), { replace: true }),
      vfs.rename(p(from), p(again), { replace: true }),
      file.close(),
    ])
    assert.deepEqual(closed, { status: 'fulfilled', value: undefined })
    assert.equal(await onDisk(ada, again.slice(1)), 'abc')
  }

  assert.equal(fileDescriptors(), before)
  await balanced(ada)
})

test('within the session: an OPEN with TRUNC of what is staged begins it again', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  const again = await vfs.open(p('/a'), NEW)
  await again.write(bytes('x'), 0)
  await again.close()
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'x')
})

test('within the session: REMOVE commits first, so that what it removed can be restored', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await vfs.unlink(p('/a'))

  assert.deepEqual(await readdir(ada.home), [])
  await file.close()
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
})

test('within the session: LINK commits first, so that the new name has the new content', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await vfs.link(p('/a'), p('/b'))

  assert.equal(await onDisk(ada, 'b'), 'the new')
  await file.close()
})

test('within the session: after a rename has committed it, the handle goes on with the file under its new name', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new one'), 0)
  await vfs.rename(p('/a'), p('/b'), { replace: true })

  await file.truncate(7)
  await file.write(bytes('!'), 7)
  await file.setstat({ mode: 0o640 })

  assert.equal(await onDisk(ada, 'b'), 'the new!')
  assert.equal((await vfs.stat(p('/b'))).mode & 0o777, 0o640)
  await balanced(ada)
  await file.close()
})
