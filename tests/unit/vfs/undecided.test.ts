import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError, OpError } from '../../../src/base/error.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import type { FileHandle, NewAttrs } from '../../../src/vfs/vfs.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, NEW, onDisk, p, put, refuses, UNTRUNCATED } from '../../support/staged-files.ts'

test('plain scp: an overwrite without TRUNC is staged, and committed at CLOSE', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one, which is longer')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('the '), 0)
  await file.write(bytes('new'), 4)
  assert.equal(await onDisk(ada, 'a'), 'the old one, which is longer')
  await file.setstat({ size: 7 })

  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'the new')
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old one, which is longer')
  await balanced(ada)
})

test('plain scp: a broken connection leaves the old file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('the new'), 0)

  await file.abandon()

  assert.equal(await onDisk(ada, 'a'), 'the old one')
  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/a', size: 7 }],
  )
  await balanced(ada)
})

test('without TRUNC: what another one has added since the OPEN stays', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old one')
  const file = await one.open(p('/a'), UNTRUNCATED)
  const added = await two.open(p('/a'), { write: true, append: true })
  await added.write(bytes(', and more'), 0)
  await added.close()

  await file.write(bytes('THE OLD ONE'), 0)
  assert.equal((await one.stat(p('/a'))).size, 21)
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'THE OLD ONE, and more')
  await balanced(ada)
})

test('plain scp: a WRITE of nothing decides nothing, wherever it goes', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write([], 0)
  await file.write([new Uint8Array(0)], 900)
  await file.write(bytes('the new'), 0)
  await file.write([], 3)

  assert.equal(await onDisk(ada, 'a'), 'the old one')
  await file.setstat({ size: 7 })
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'the new')
  await balanced(ada)
})

test('plain scp: over the quota the old file stays, and CLOSE says that it failed', async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcdefghij'), 0)
  await refuses('EDQUOT', () => file.write(bytes('klm'), 10))

  await refuses('EIO', () => file.close(), /the old file is whole/)

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})

test('plain scp: a size that is set after a refused WRITE leaves the old file whole, and CLOSE says that it failed', async () => {
  for (const setSize of [
    (file: FileHandle) => file.setstat({ size: 10 }),
    (file: FileHandle) => file.truncate(12),
    (file: FileHandle) => file.truncate(4),
  ]) {
    await using ada = await stagedAccount({ bytes: 12 })
    const vfs = await ada.session()
    await put(vfs, '/a', '1234567890')
    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await file.write(bytes('abcdefgh'), 0)
    await refuses('EDQUOT', () => file.write(bytes('ijklm'), 8))

    await setSize(file)
    await refuses('EIO', () => file.close(), /the old file is whole/)

    assert.equal(await onDisk(ada, 'a'), '1234567890')
    await balanced(ada)
  }
})

test('plain scp: a size that is set when not one byte was taken leaves the old file whole', async () => {
  await using ada = await stagedAccount({ bytes: 25 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '1234567890')
  // The old file's bytes are lent to this one.
  const lent = await other.open(p('/a'), NEW)
  await lent.write(bytes('a'), 0)
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await refuses('EDQUOT', () => file.write(bytes('abcdefghijklmnop'), 0))

  await file.setstat({ size: 5 })
  await refuses('EIO', () => file.close(), /the old file is whole/)

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await lent.abandon()
  await balanced(ada)
})

test('plain scp: a size that is set when the first WRITE was refused at its begin leaves the old file whole', async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  const first = await other.open(p('/a'), UNTRUNCATED)
  await refuses('EDQUOT', () => first.write(bytes('abcdefghijklm'), 0))
  await refuses('EIO', () => first.close())

  await refuses('EDQUOT', () => file.write(bytes('abcdefghijklm'), 0))
  await refuses('EDQUOT', () => file.setstat({ size: 5 }))
  await refuses('EDQUOT', () => file.close())

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})

test('plain scp: a READ of what is open to be written alone is refused at once, and it stays staged', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('AB'), 0)

  // Not by a promise: a file that is quick has none.
  assert.equal(file.quick?.(), true)
  assert.throws(
    () => file.read([Buffer.alloc(4)], 0),
    (error) => isOpError(error, 'EBADF'),
  )

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'AB34567890')
  await balanced(ada)
})

test('in place: what only changes a part of a file is done in the old file', async () => {
  const changes: [expected: string, work: (file: FileHandle) => Promise<void>][] = [
    ['AB34567890', async (file) => file.write(bytes('AB'), 0)],
    ['12345AB890', async (file) => file.write(bytes('AB'), 5)],
    [
      'AB3456CD90',
      async (file) => {
        await file.write(bytes('AB'), 0)
        await file.write(bytes('CD'), 6)
      },
    ],
    [
      'AB34567890\0\0',
      async (file) => {
        await file.setstat({ size: 12 })
        await file.write(bytes('AB'), 0)
      },
    ],
    [
      'A\0\0\0\0',
      async (file) => {
        await file.write(bytes('ABC'), 0)
        await file.truncate(1)
        await file.truncate(5)
      },
    ],
    [
      'AB\0\0CD',
      async (file) => {
        await file.write(bytes('ABC'), 0)
        await file.setstat({ size: 2 })
        await file.write(bytes('CD'), 4)
      },
    ],
    [
      'abcdefghij\0\0',
      async (file) => {
        await file.setstat({ size: 12 })
        await file.write(bytes('abcdefghij'), 0)
      },
    ],
    [
      'AB34567890\0\0',
      async (file) => {
        await file.write(bytes('AB'), 0)
        await file.truncate(12)
      },
    ],
  ]
  for (const [expected, work] of changes) {
    await using ada = await stagedAccount()
    const vfs = await ada.session()
    await put(vfs, '/a', '1234567890')
    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await work(file)

    await file.close()

    assert.equal(await onDisk(ada, 'a'), expected)
    await balanced(ada)
  }
})

test('in place: handles of one session share a file as in POSIX', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const reader = await vfs.open(p('/a'), { read: true })
  const writer = await vfs.open(p('/a'), UNTRUNCATED)
  await writer.write(bytes('AB'), 0)

  const into = Buffer.alloc(10)
  await reader.read([into], 0)

  assert.equal(into.toString('latin1'), 'AB34567890')
})

test('in place: an OPEN within the session sees what was written so far', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const writer = await vfs.open(p('/a'), UNTRUNCATED)
  await writer.write(bytes('AB'), 0)
  assert.equal((await vfs.stat(p('/a'))).size, 10)

  const reader = await vfs.open(p('/a'), { read: true })

  const into = Buffer.alloc(10)
  await reader.read([into], 0)
  assert.equal(into.toString('latin1'), 'AB34567890')
})

test('plain scp: when an OPEN of the session has committed it, the handle goes on with the file anywhere in it', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcdefghij'), 0)
  const again = await vfs.open(p('/a'), UNTRUNCATED)
  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')

  await file.write(bytes('XY'), 3)
  await file.truncate(8)
  await file.setstat({ size: 9 })
  assert.equal((await file.stat()).size, 9)
  await file.close()
  await again.close()

  assert.equal(await onDisk(ada, 'a'), 'abcXYfgh\0')
  await balanced(ada)
})

test('in place: a file that is opened to be read too is written in place', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '12345')

  const file = await vfs.open(p('/a'), { read: true, write: true })
  await file.write(bytes('abcde'), 0)

  assert.equal(await onDisk(ada, 'a'), 'abcde')
  await file.close()
})

test('plain scp: an end that is not below the old one is a replacement, also without a size that was set', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcde'), 0)
  await file.write(bytes('fghij'), 5)
  assert.equal(await onDisk(ada, 'a'), '1234567890')

  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), '1234567890')
})

test('plain scp: when half of the old file or more is written, what is written anywhere else is staged too', async () => {
  const changes: [expected: string, work: (file: FileHandle) => Promise<void>][] = [
    ['abcdef78Z0', async (file) => file.write(bytes('Z'), 8)],
    ['aZcdef7890', async (file) => file.write(bytes('Z'), 1)],
    ['abcdef7890\0\0Z', async (file) => file.write(bytes('Z'), 12)],
    ['abcdef78', async (file) => file.truncate(8)],
    ['abcdef7890\0\0', async (file) => file.setstat({ size: 12 })],
    [
      'ab\0\0Z',
      async (file) => {
        await file.setstat({ size: 2 })
        await file.write(bytes('Z'), 4)
      },
    ],
  ]
  for (const [expected, work] of changes) {
    await using ada = await stagedAccount()
    const vfs = await ada.session()
    await put(vfs, '/a', '1234567890')
    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await file.write(bytes('abcdef'), 0)
    await work(file)
    assert.equal(await onDisk(ada, 'a'), '1234567890')
    assert.equal((await vfs.stat(p('/a'))).size, expected.length)

    await file.close()

    assert.equal(await onDisk(ada, 'a'), expected)
    await vfs.restore(p('/a'))
    assert.equal(await onDisk(ada, 'a'), '1234567890')
    await balanced(ada)
  }
})

test('plain scp: a CLOSE after half of the old file or more replaces it in one step, with the rest of it', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcdef'), 0)

  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'abcdef7890')
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})

test('plain scp: a WRITE back into what is staged needs no room twice, and the old file is whole until CLOSE', async () => {
  for (const end of ['close', 'abandon'] as const) {
    await using ada = await stagedAccount({ bytes: 1000 })
    const [vfs, other] = [await ada.session(), await ada.session()]
    await put(vfs, '/pad', 'p'.repeat(100))
    await put(vfs, '/a', 'o'.repeat(500))
    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await file.write(bytes('n'.repeat(900)), 0)

    await file.write(bytes('XX'), 10)
    assert.equal(await onDisk(ada, 'a'), 'o'.repeat(500))
    await file[end]()

    const replaced = `${'n'.repeat(10)}XX${'n'.repeat(888)}`
    assert.equal(await onDisk(ada, 'a'), end === 'close' ? replaced : 'o'.repeat(500))
    await other.unlink(p('/a'))
    await balanced(ada)
  }
})

test('plain scp: a WRITE for which the rest of the old file finds no room is refused, and the old file stays whole', async () => {
  await using ada = await stagedAccount({ bytes: 190 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'o'.repeat(100))
  // The old file's bytes are lent to this one.
  const lent = await other.open(p('/a'), NEW)
  await lent.write(bytes('a'), 0)
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('n'.repeat(60)), 0)

  await refuses('EDQUOT', () => file.write(bytes('X'), 80))
  await file.setstat({ size: 60 })
  await refuses('EIO', () => file.close(), /the old file is whole/)

  assert.equal(await onDisk(ada, 'a'), 'o'.repeat(100))
  await lent.abandon()
  await vfs.unlink(p('/a'))
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('plain scp: when what was staged could not go into the old file, nothing more is written, and CLOSE says so', async () => {
  const full = new OpError('ENOSPC', 'The disk is full')
  await using ada = await stagedAccount({
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later: (work) => (sick ? Promise.reject(full) : work()),
      }),
    },
  })
  const [vfs, other] = [await ada.session(), await ada.session()]
  let sick = false
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abc'), 0)
  sick = true
  await refuses('ENOSPC', () => file.write(bytes('Z'), 8))
  sick = false

  await refuses('ENOSPC', () => file.write(bytes('d'), 3))
  await refuses('ENOSPC', () => file.setstat({ size: 3 }))
  await refuses('ENOSPC', () => file.close())

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('plain scp: a CLOSE while the rest of the old file is copied waits for it', async () => {
  let begun = false
  const copying = Promise.withResolvers<void>()
  await using ada = await stagedAccount({
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later(work) {
          if (begun) copying.resolve()
          return work()
        },
      }),
    },
  })
  const vfs = await ada.session()
  await put(vfs, '/a', 'a'.repeat(700_000))
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('b'.repeat(400_000)), 0)

  begun = true
  const beyond = file.write(bytes('z'), 450_000)
  await copying.promise
  await Promise.all([beyond, file.close()])

  const expected = `${'b'.repeat(400_000)}${'a'.repeat(50_000)}z${'a'.repeat(249_999)}`
  assert.equal(await onDisk(ada, 'a'), expected)
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'a'.repeat(700_000))
  await balanced(ada)
})

test('plain scp: a session that ends while the rest of the old file is copied leaves the old file', async () => {
  let begun = false
  const copying = Promise.withResolvers<void>()
  await using ada = await stagedAccount({
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later(work) {
          if (begun) copying.resolve()
          return work()
        },
      }),
    },
  })
  const vfs = await ada.session()
  await put(vfs, '/a', 'a'.repeat(700_000))
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('b'.repeat(400_000)), 0)

  begun = true
  const refused = assert.rejects(async () => file.write(bytes('z'), 450_000))
  await copying.promise
  await file.abandon()
  await refused

  assert.equal(await onDisk(ada, 'a'), 'a'.repeat(700_000))
  await balanced(ada)
})

test('plain scp: a file that was replaced since its first WRITE is not mixed with the new one', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const file = await one.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcdef'), 0)
  await put(two, '/a', 'of two, which is longer')

  await refuses('ESTALE', () => file.write(bytes('Z'), 8), /^Replaced meanwhile/)
  await refuses('ESTALE', () => file.close(), /^Replaced meanwhile/)

  assert.equal(await onDisk(ada, 'a'), 'of two, which is longer')
  await balanced(ada)
})

test('plain scp: mode and times that are set meanwhile are the file’s, in place or not', async () => {
  const times = { atime: 1000, mtime: 2000 }
  const sets: ((vfs: StagedFileSystem, file: FileHandle, attrs: NewAttrs) => unknown)[] = [
    (_, file, attrs) => file.setstat(attrs),
    (vfs, _, attrs) => vfs.setstat(p('/a'), attrs),
  ]
  for (const set of sets) {
    for (const [begin, expected] of [
      ['AB', 'AB34567890'],
      ['ABCDEF', 'ABCDEF7890'],
      ['ABCDEFGHIJ', 'ABCDEFGHIJ'],
    ] as const) {
      await using ada = await stagedAccount()
      const vfs = await ada.session()
      await put(vfs, '/a', '1234567890')
      const file = await vfs.open(p('/a'), UNTRUNCATED)
      await file.write(bytes(begin), 0)
      await set(vfs, file, { mode: 0o640 })
      await set(vfs, file, times)

      await file.close()

      const { mode, atime, mtime } = await vfs.stat(p('/a'))
      assert.deepEqual({ mode: mode & 0o777, atime, mtime }, { mode: 0o640, ...times })
      assert.equal(await onDisk(ada, 'a'), expected)
    }
  }
})

test('plain scp: a WRITE after a mode and times keeps the mode, and is newer than the times', async () => {
  for (const begin of ['AB', 'ABCDEF']) {
    for (const next of [begin.length, 8]) {
      await using ada = await stagedAccount()
      const vfs = await ada.session()
      await put(vfs, '/a', '1234567890')
      const file = await vfs.open(p('/a'), UNTRUNCATED)
      await file.write(bytes(begin), 0)
      await file.setstat({ mode: 0o640, atime: 1000, mtime: 2000 })

      await file.write(bytes('Z'), next)
      await file.close()

      const { mode, mtime } = await vfs.stat(p('/a'))
      assert.equal(mode & 0o777, 0o640)
      assert.ok(mtime > 2000)
    }
  }
})

test('plain scp: a mode that is not set stays what it was changed to meanwhile', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('AB'), 0)
  await file.setstat({ atime: 1000, mtime: 2000 })
  await other.setstat(p('/a'), { mode: 0o600 })

  await file.close()

  const { mode, mtime } = await vfs.stat(p('/a'))
  assert.deepEqual([mode & 0o777, mtime], [0o600, 2000])
})

test('plain scp: a CLOSE while what was staged goes into the old file waits for it, and holds nothing afterwards', async () => {
  let writes = 0
  const second = Promise.withResolvers<void>()
  await using ada = await stagedAccount({
    bytes: 1_000_000,
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later(work) {
          if (++writes === 3) second.resolve()
          return work()
        },
      }),
    },
  })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'a'.repeat(700_000))
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('b'.repeat(300_000)), 0)

  const beyond = file.write(bytes('z'), 350_000)
  await second.promise
  await Promise.all([beyond, file.close()])

  const expected = `${'b'.repeat(300_000)}${'a'.repeat(50_000)}z${'a'.repeat(349_999)}`
  assert.equal(await onDisk(ada, 'a'), expected)
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('plain scp: a CLOSE that could not put what was staged into the old file keeps it as a part, and holds nothing', async () => {
  const full = new OpError('ENOSPC', 'The disk is full')
  await using ada = await stagedAccount({
    bytes: 1_000_000,
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later: (work) => (sick ? Promise.reject(full) : work()),
      }),
    },
  })
  const [vfs, other] = [await ada.session(), await ada.session()]
  let sick = false
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcde'), 0)

  sick = true
  await refuses('ENOSPC', () => file.close())

  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/a', size: 5 }],
  )
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('plain scp: beside a TRUNC of the same session both are done in place, and no write is lost', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const untruncated = await vfs.open(p('/a'), UNTRUNCATED)
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  await untruncated.write(bytes('THE OLD'), 0)

  assert.equal(await onDisk(ada, 'a'), 'THE OLD')
  await untruncated.close()
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'THE OLD')
  await balanced(ada)
})

test('plain scp: a file that was replaced since its OPEN is not replaced again', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old')
  const file = await one.open(p('/a'), UNTRUNCATED)
  await put(two, '/a', 'of two')

  await refuses('ESTALE', () => file.write(bytes('of one, which is longer'), 0), /^Replaced meanwhile/)
  await refuses('EIO', () => file.close())

  assert.equal(await onDisk(ada, 'a'), 'of two')
  await balanced(ada)
})
