import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import type { FileHandle, OpenFlags } from '../../../src/vfs/vfs.ts'
import { type StagedAccount, stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  isPartial,
  NEW,
  onDisk,
  openUnder,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

test('one session: a second OPEN without TRUNC of what it writes shares it, and the last CLOSE makes it whole', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const first = await vfs.open(p('/a'), NEW)
  await first.write(bytes('123'), 0)
  const second = await vfs.open(p('/a'), UNTRUNCATED)
  await second.write(bytes('45'), 3)

  await second.close()
  assert.ok(await isPartial(vfs, '/a'))
  await first.write(bytes('6'), 5)
  await first.close()

  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), '123456')
})

test('resume: what this session is writing is refused', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '123')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('12'), 0)

  await refuses('EBUSY', () => vfs.resume(p('/a'), 2), /^"\/a" is being written already$/)
  for (const size of [0, 2])
    await refuses(
      'EINVAL',
      () => vfs.resume(p('/nothing'), size),
      /^"\/nothing" is not there: put it from the start$/,
    )

  await file.close()
})

test('resume: goes on with what another session writes, which is told', async () => {
  await using ada = await stagedAccount()
  const [half, again] = [await ada.session(), await ada.session()]
  const dead = await half.open(p('/a'), NEW)
  await dead.write(bytes('123'), 0)
  await dead.write(bytes('xyz'), 6)
  await refuses('EINVAL', () => again.resume(p('/a'), 9), /has 3 bytes here, not 9/)

  const file = await again.resume(p('/a'), 3)
  await file.write(bytes('45'), 3)

  await refuses('ESTALE', () => dead.write(bytes('4'), 3))
  await file.close()
  await dead.abandon()
  assert.equal(await onDisk(ada, 'a'), '12345')
  assert.ok(!(await isPartial(again, '/a')))
  await balanced(ada)
})

test('resume: who only looks, for the proof, ends nobody and changes nothing', async () => {
  await using ada = await stagedAccount()
  const [writing, looking] = [await ada.session(), await ada.session()]
  const file = await writing.open(p('/a'), NEW)
  await file.write(bytes('123'), 0)
  await file.write(bytes('xyz'), 6)

  const look = await looking.resume(p('/a'), 3)
  const place = Buffer.alloc(3)
  assert.equal(await look.read([place], 0), 3)
  assert.equal(place.toString(), '123')
  await look.abandon()

  await file.write(bytes('456'), 3)
  await file.close()
  assert.equal(await onDisk(ada, 'a'), '123456xyz')
  assert.ok(!(await isPartial(looking, '/a')))
  await balanced(ada)
})

test('resume: what another session has written meanwhile is not written over', async () => {
  await using ada = await stagedAccount()
  const [writing, late] = [await ada.session(), await ada.session()]
  const file = await writing.open(p('/a'), NEW)
  await file.write(bytes('123'), 0)
  const again = await late.resume(p('/a'), 3)
  await file.write(bytes('45'), 3)

  await refuses('ESTALE', () => again.write(bytes('xx'), 3), /Another upload of "\/a" went on meanwhile/)
  await refuses('ESTALE', () => again.close())

  await file.close()
  assert.equal(await onDisk(ada, 'a'), '12345')
  assert.ok(!(await isPartial(late, '/a')))
  await balanced(ada)
})

test('resume: all of it was there, and its CLOSE makes it whole', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const left = await vfs.open(p('/a'), NEW)
  await left.write(bytes('123'), 0)
  await left.abandon()

  const file = await vfs.resume(p('/a'), 3)
  await file.close()

  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), '123')
})

test('two writers: an unfinished file that was replaced, and that there is no room for, is no longer written', async () => {
  await using ada = await stagedAccount({ bytes: 7 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567')
  const second = await two.open(p('/a'), NEW)
  await second.write(bytes('abcdefg'), 0)
  const first = await one.resume(p('/a'), 7)
  await first.write(bytes('X'), 6)
  await second.close()
  assert.equal(await onDisk(ada, 'a'), 'abcdefg')

  // The disk may give it the number of the one that is gone.
  await one.unlink(p('/a'))
  const other = await two.open(p('/other'), NEW)
  await other.write(bytes('xyz'), 0)
  await refuses('ESTALE', () => first.write(bytes('8'), 7), /^Taken over by a newer upload$/)
  await refuses('ESTALE', () => first.close(), /^Taken over by a newer upload$/)

  assert.ok(await isPartial(two, '/other'))
  await other.close()
  assert.equal(await onDisk(ada, 'other'), 'xyz')
  await balanced(ada)
})

test('two writers: what was taken over and closed is whole after a kill, though the earlier handle never was closed', async () => {
  await using killed = await stagedAccount()
  const [half, again] = [await killed.session(), await killed.session()]
  const dead = await half.open(p('/a'), NEW)
  await dead.write(bytes('123'), 0)
  await dead.write(bytes('xyz'), 6)
  const file = await again.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('456789'), 3)
  await file.close()

  await using ada = await stagedAccount({ after: killed })

  assert.ok(!(await isPartial(await ada.session(), '/a')))
  assert.equal(await onDisk(ada, 'a'), '123456789')
})

test('two writers: an OPEN without TRUNC goes on with an open partial, and the earlier handle is told', async () => {
  await using ada = await stagedAccount()
  const [half, again] = [await ada.session(), await ada.session()]
  const dead = await half.open(p('/a'), NEW)
  await dead.write(bytes('123'), 0)
  await dead.write(bytes('xyz'), 6)
  assert.equal((await again.stat(p('/a'))).size, 3)

  const file = await again.open(p('/a'), UNTRUNCATED)

  await refuses('ESTALE', () => dead.write(bytes('456'), 3), /^Taken over by a newer upload$/)
  await file.write(bytes('45'), 3)
  await refuses('ESTALE', () => dead.close(), /^Taken over by a newer upload$/)
  assert.ok(await isPartial(again, '/a'))
  await file.close()
  assert.equal(await onDisk(ada, 'a'), '12345')
  assert.ok(!(await isPartial(again, '/a')))
  await balanced(ada)
})

test('two writers: the earlier handle ends without ending the newer upload, and changes nothing of its file', async () => {
  await using ada = await stagedAccount()
  const [one, two, three] = [await ada.session(), await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('123'), 0)
  const second = await two.open(p('/a'), UNTRUNCATED)
  await second.write(bytes('4'), 3)
  const { mode } = await two.stat(p('/a'))
  await refuses('ESTALE', () => first.setstat({ mode: mode ^ 0o007 }))
  assert.equal((await two.stat(p('/a'))).mode, mode)
  await refuses('ESTALE', () => first.close())

  const third = await three.open(p('/a'), UNTRUNCATED)
  await third.write(bytes('5'), 4)

  await refuses('ESTALE', () => second.write(bytes('x'), 4))
  await third.close()
  assert.equal(await onDisk(ada, 'a'), '12345')
})

test('two writers: who goes on while the CLOSE of the earlier one waits for the disk has a partial file', async () => {
  await using ada = await stagedAccount({ durable: 'always' })
  const [one, two, three] = [await ada.session(), await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('123'), 0)

  const closing = first.close()
  const second = await two.open(p('/a'), UNTRUNCATED)
  await second.write(bytes('4'), 3)
  await closing

  assert.ok(await isPartial(three, '/a'))
  await second.close()
  assert.ok(!(await isPartial(three, '/a')))
})

test('two writers: a TRUNC beside an open partial is staged, and the last CLOSE wins', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('first'), 0)
  const second = await two.open(p('/a'), NEW)
  await second.write(bytes('second'), 0)

  await first.close()
  assert.equal(await onDisk(ada, 'a'), 'first')
  await second.close()

  assert.equal(await onDisk(ada, 'a'), 'second')
  await balanced(ada)
})

test('two writers: each overwrite of a complete file is whole, the last CLOSE wins', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'old')
  const first = await one.open(p('/a'), NEW)
  const second = await two.open(p('/a'), NEW)
  await first.write(bytes('1'), 0)
  await second.write(bytes('2222'), 0)
  await first.write(bytes('1'), 1)

  await second.close()
  await first.close()

  assert.equal(await onDisk(ada, 'a'), '11')
  await balanced(ada)
})

test('two writers: an upload whose name another one has taken is told, by WRITE and by CLOSE', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const [one, two] = [await ada.session(), await ada.session()]
  const take: Readonly<Record<string, () => unknown>> = {
    replaced: () => put(two, '/replaced', 'second'),
    'renamed over': async () => {
      await put(two, '/x', 'second')
      await two.rename(p('/x'), p('/renamed over'), { replace: true })
    },
  }
  for (const [name, other] of Object.entries(take)) {
    const [first, closed] = [await one.open(p(`/${name}`), NEW), await one.open(p(`/${name}`), NEW)]
    await first.write(bytes('first'), 0)

    await other()

    await refuses('ESTALE', () => first.write(bytes('!'), 5), /^Taken over by a newer upload$/)
    await refuses('ESTALE', () => first.close(), /^Taken over by a newer upload$/)
    await refuses('ESTALE', () => closed.close(), /^Taken over by a newer upload$/)
    assert.equal(await onDisk(ada, name), 'second')
    await balanced(ada)
  }
})

test('two writers: an upload of two names of which another one takes one is partial by the other until its CLOSE', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('first'), 0)
  await two.link(p('/a'), p('/b'))
  await put(two, '/a', 'second')

  assert.ok(await isPartial(two, '/b'))
  await put(two, '/b', 'third')
  await refuses('ESTALE', () => first.close())

  assert.equal(await onDisk(ada, 'a'), 'second')
  assert.equal(await onDisk(ada, 'b'), 'third')
  await balanced(ada)
})

// Its CLOSE said that all was done, of bytes that nothing leads to.
test('two writers: what another session removes while it is written is told, by WRITE and by CLOSE', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const [one, two] = [await ada.session(), await ada.session()]
  const REMOVED = /^Removed meanwhile, put it again$/
  const [file, closed] = [await one.open(p('/new'), NEW), await one.open(p('/new'), NEW)]
  await file.write(bytes('first'), 0)
  await two.unlink(p('/new'))

  await refuses('ESTALE', () => file.write(bytes('!'), 5), REMOVED)
  await refuses('ESTALE', () => file.close(), REMOVED)
  await refuses('ESTALE', () => closed.close(), REMOVED)

  for (const flags of [UNTRUNCATED, { write: true, append: true }, { read: true, write: true }]) {
    await put(two, '/old', 'the old')
    const old = await one.open(p('/old'), flags)
    await two.unlink(p('/old'))
    await refuses('ESTALE', () => old.write(bytes('x'), 0), REMOVED)
    await refuses('EIO', () => old.close())
  }
  await balanced(ada)
})

test('resume: what lost its name behind the proof is told, though all of it was there', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  const lose: Readonly<Record<string, () => unknown>> = {
    'Removed meanwhile': () => other.unlink(p('/a')),
    'went on meanwhile': () => put(other, '/a', 'another'),
  }
  for (const [words, act] of Object.entries(lose)) {
    const cut = await vfs.open(p('/a'), NEW)
    await cut.write(bytes('all of it'), 0)
    await cut.abandon()
    const [all, more] = [await vfs.resume(p('/a'), 9), await vfs.resume(p('/a'), 9)]
    await act()

    await refuses('ESTALE', () => all.close(), new RegExp(words))
    await refuses('ESTALE', () => more.write(bytes('!'), 9), new RegExp(words))
    await more.abandon()
    await balanced(ada)
  }
})

test('two writers: what the session itself removes it may go on writing, as in POSIX', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const vfs = await ada.session()
  for (const flags of [NEW, { read: true, write: true }]) {
    if (flags !== NEW) await put(vfs, '/a', 'the old')
    const file = await vfs.open(p('/a'), flags)

    await vfs.unlink(p('/a'))

    await file.write(bytes('a'), 0)
    await file.close()
  }
  await balanced(ada)
})

test('two writers: a rename over what the session itself writes leaves that alone, as in POSIX', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const flags of [NEW, { write: true }]) {
    const file = await vfs.open(p('/a'), flags)
    await put(vfs, '/b', 'b')

    await vfs.rename(p('/b'), p('/a'), { replace: true })

    await file.write(bytes('a'), 0)
    await file.close()
    assert.equal(await onDisk(ada, 'a'), 'b')
  }
})

test('two writers: what would be written into a file that was replaced is refused, and so is its CLOSE', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const [one, two] = [await ada.session(), await ada.session()]
  const writes: Readonly<Record<string, OpenFlags>> = {
    // Plain scp, whose first WRITE comes too late.
    '/scp': UNTRUNCATED,
    '/log': { write: true, append: true },
    '/patch': { read: true, write: true },
  }
  for (const [name, flags] of Object.entries(writes)) {
    const ways = [
      () => put(two, name, 'the new one'),
      async () => {
        await put(two, '/x', 'the new one')
        await two.rename(p('/x'), p(name), { replace: true })
      },
    ]
    for (const replace of ways) {
      await put(two, name, 'the old')
      const file = await one.open(p(name), flags)
      await replace()

      await refuses('ESTALE', () => file.write(bytes('x'), 0), /^Replaced meanwhile, open it again$/)
      await refuses('ESTALE', () => file.truncate(0), /^Replaced meanwhile, open it again$/)
      await refuses('EIO', () => file.close())

      assert.equal(await onDisk(ada, name.slice(1)), 'the new one')
      await balanced(ada)
    }
  }
})

/** An upload of `/a` with a hole, which cannot be cut off while the home is counted: until `counted`. */
async function holed(ada: StagedAccount, session: StagedFileSystem) {
  const file = await session.open(p('/a'), NEW)
  await file.write(bytes('123'), 0)
  await file.write(bytes('789'), 6)
  const counted = Promise.withResolvers<void>()
  ada.book.holdStill(counted.promise)
  return { file, counted }
}

for (const who of ['another session', 'the session that gave it up'])
  test(`resume: a hole that is still to be cut off is not seen by ${who}, which goes on by size`, async () => {
    await using ada = await stagedAccount()
    const half = await ada.session()
    const again = who === 'another session' ? await ada.session() : half
    const { file: lost, counted } = await holed(ada, half)
    const abandoned = lost.abandon()

    const { size } = await again.stat(p('/a'))
    const opening = again.open(p('/a'), UNTRUNCATED)
    counted.resolve()
    await abandoned
    const file = await opening
    await file.write(bytes('456789'.slice(size - 3)), size)
    await file.close()

    assert.equal(size, 3)
    assert.equal(await onDisk(ada, 'a'), '123456789')
  })

test('resume: a complete file that another one went on with since the proof is not written into', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the beginning')
  const resumed = await one.resume(p('/a'), 13)
  const added = await two.open(p('/a'), { write: true, append: true })
  await added.write(bytes(' of another one'), 0)
  await added.close()

  await refuses('ESTALE', () => resumed.write(bytes(' of mine'), 13), /went on meanwhile: begin again$/)
  await refuses('ESTALE', () => resumed.close(), /went on meanwhile: begin again$/)

  assert.equal(openUnder(ada.home), 0)
  assert.equal(await onDisk(ada, 'a'), 'the beginning of another one')
  assert.ok(!(await isPartial(one, '/a')))
})

test('takeover: a third one does not see the hole either that is still to be cut off', async () => {
  await using ada = await stagedAccount()
  const [half, again, third] = [await ada.session(), await ada.session(), await ada.session()]
  const { file: taken, counted } = await holed(ada, half)
  const opening = again.open(p('/a'), { write: true })

  const { size } = await third.stat(p('/a'))
  await refuses('ESTALE', () => taken.write(bytes('4'), 3))
  counted.resolve()
  const file = await opening
  await file.write(bytes('456'), 3)
  await file.close()

  assert.equal(size, 3)
  assert.equal(await onDisk(ada, 'a'), '123456')
  await taken.abandon()
  assert.ok(!(await isPartial(third, '/a')))
})

const OTHERS: Readonly<Record<string, (file: FileHandle) => unknown>> = {
  'was written over': (file) => file.write(bytes('456'), 0),
  async 'was cut off, and is as long again'(file) {
    await file.truncate(1)
    await file.truncate(3)
  },
}

for (const [what, change] of Object.entries(OTHERS))
  for (const isWhole of [false, true])
    test(`resume: a ${isWhole ? 'complete' : 'partial'} file that ${what} since the proof is not gone on with`, async () => {
      await using ada = await stagedAccount()
      const [first, mine, theirs] = [await ada.session(), await ada.session(), await ada.session()]
      const sent = await first.open(p('/a'), NEW)
      await sent.write(bytes('123'), 0)
      await (isWhole ? sent.close() : sent.abandon())
      const resumed = await mine.resume(p('/a'), 3)
      const other = await theirs.open(p('/a'), { read: true, write: true })
      await change(other)
      await other.abandon()

      await refuses('ESTALE', () => resumed.write(bytes('!'), 3), /went on meanwhile: begin again$/)

      await resumed.abandon()
      await balanced(ada)
    })

test('resume: a partial file that was opened with TRUNC since the proof, and is as long again, is not gone on with', async () => {
  await using ada = await stagedAccount()
  const [mine, theirs] = [await ada.session(), await ada.session()]
  const sent = await theirs.open(p('/a'), NEW)
  await sent.write(bytes('123'), 0)
  await sent.abandon()
  const resumed = await mine.resume(p('/a'), 3)
  const other = await theirs.open(p('/a'), NEW)
  await other.truncate(3)
  await other.abandon()

  await refuses('ESTALE', () => resumed.write(bytes('!'), 3), /went on meanwhile: begin again$/)

  await resumed.abandon()
  await balanced(ada)
})

test('resume: a hole that is cut off behind what was proved is no reason to begin again', async () => {
  await using ada = await stagedAccount()
  const [half, again] = [await ada.session(), await ada.session()]
  const { file: lost, counted } = await holed(ada, half)
  counted.resolve()
  const resumed = await again.resume(p('/a'), 3)
  await lost.abandon()

  await resumed.write(bytes('456'), 3)
  await resumed.close()

  assert.equal(await onDisk(ada, 'a'), '123456')
})

for (const who of ['a broken connection', 'a session that still writes it'])
  test(`resume: a plain scp over what ${who} has left begins it anew, and what it leaves is gone on with by size`, async () => {
    await using ada = await stagedAccount()
    const [before, plain, later] = [await ada.session(), await ada.session(), await ada.session()]
    const old = await before.open(p('/a'), NEW)
    await old.write(bytes('the older build'), 0)
    if (who === 'a broken connection') await old.abandon()
    const anew = await plain.open(p('/a'), UNTRUNCATED)
    await anew.write(bytes('The '), 0)
    await anew.write(bytes('new'), 4)
    await anew.abandon()

    const { size } = await later.stat(p('/a'))
    const resumed = await later.open(p('/a'), UNTRUNCATED)
    await resumed.write(bytes('The newer build'.slice(size)), size)
    await resumed.close()

    assert.equal(size, 7)
    assert.equal(await onDisk(ada, 'a'), 'The newer build')
    await balanced(ada)
  })

test('resume: what is read too, or not to be made, or first written further on, keeps what is there of the partial file', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  const old = await one.open(p('/a'), NEW)
  await old.write(bytes('1234567'), 0)
  await old.abandon()

  const both = await two.open(p('/a'), { ...UNTRUNCATED, read: true })
  await both.write(bytes('!'), 0)
  await both.abandon()
  // As sshfs opens what it has seen.
  const mounted = await two.open(p('/a'), { write: true })
  await mounted.write(bytes('?'), 0)
  await mounted.abandon()
  assert.equal(await onDisk(ada, 'a'), '?234567')
  const further = await two.open(p('/a'), UNTRUNCATED)
  await further.write(bytes(''), 0)
  await further.write(bytes('?'), 6)
  await further.write(bytes('#'), 0)
  await further.close()

  assert.equal(await onDisk(ada, 'a'), '#23456?')
})

test('resume: a plain scp that has said how long the file will be does not begin it anew', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const by of ['truncate', 'setstat']) {
    const old = await vfs.open(p('/a'), NEW)
    await old.write(bytes('1234567'), 0)
    await old.abandon()

    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await (by === 'truncate' ? file.truncate(6) : file.setstat({ size: 6 }))
    await file.write(bytes('!'), 0)
    await file.close()

    assert.equal(await onDisk(ada, 'a'), '!23456')
    await vfs.unlink(p('/a'))
  }
})

test('resume: a hole that was cut off at its first write is not taken for what was written', async () => {
  await using ada = await stagedAccount()
  const [half, again] = [await ada.session(), await ada.session()]
  const { counted } = await holed(ada, half)
  counted.resolve()
  const resumed = await again.resume(p('/a'), 3)

  await resumed.write(bytes('4'), 3)
  await resumed.write(bytes('7'), 6)
  await resumed.abandon()

  assert.equal(await onDisk(ada, 'a'), '1234')
})
