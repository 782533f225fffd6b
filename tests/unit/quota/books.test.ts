import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { alone } from '../../../src/base/siblings.ts'
import type { Book } from '../../../src/quota/book.ts'
import { type Books, openBooks } from '../../../src/quota/books.ts'
import type { Found, Limits, QuotaLedger } from '../../../src/quota/ledger.ts'
import { type Family, family, type Member } from '../../support/family.ts'
import { late, sqlWorld } from '../../support/ledgers.ts'

const MIB = 1024 * 1024

interface Process {
  readonly books: Books
  readonly book: Book
  readonly ledger: QuotaLedger
  kill(): void
}

/** Processes that serve ada; what lies on her disk is what the test says. */
async function serve(
  limits: Limits,
  disk: Found | (() => Promise<Found>) = { bytes: 0, files: 0 },
  through: (ledger: QuotaLedger) => QuotaLedger = (ledger) => ledger,
): Promise<{ start(): Promise<Process> } & AsyncDisposable> {
  const world = await sqlWorld()
  const relatives: Family = family()
  return {
    async start() {
      const { ledger, kill } = await world.start()
      const member: Member = relatives.join()
      const books = openBooks({
        ledger: through(ledger),
        measure: async () => (typeof disk === 'function' ? disk() : disk),
        limitsOf: async () => limits,
        siblings: member.siblings,
        clock: systemClock,
      })
      const book = await books.open('ada')
      return {
        books,
        book,
        ledger,
        kill() {
          kill()
          member.leave()
        },
      }
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

async function take(book: Book, bytes: number): Promise<void> {
  await book.ensure(bytes)
  book.take(bytes, '/f')
}

async function takeFiles(book: Book, count: number): Promise<void> {
  for (let entry = 0; entry < count; entry++) {
    await book.ensure(0, 1)
    book.takeFile('/f')
  }
}

const refused = (error: unknown): boolean => isOpError(error, 'EDQUOT')

for (const [name, through] of [
  ['a ledger that answers at once', (ledger: QuotaLedger) => ledger],
  ['a ledger that answers later', late],
] as const) {
  test(`books over ${name}: an account that is deleted while it is counted has nothing, and is counted no more`, async () => {
    let counts = 0
    let ledger: QuotaLedger
    const disk = async (): Promise<Found> => {
      counts += 1
      await ledger.remove('ada')
      return { bytes: 60, files: 1 }
    }
    await using ada = await serve({ bytes: 100, files: null }, disk, (given) => {
      ledger = through(given)
      return ledger
    })

    const { book } = await ada.start()

    assert.equal(counts, 1)
    assert.equal(book.usage.used, 0)
  })

  test(`books over ${name}: what others hold ahead of need is called back before anything is refused`, async () => {
    await using ada = await serve({ bytes: 100 * MIB, files: 1000 }, { bytes: 0, files: 0 }, through)
    const [a, b] = [await ada.start(), await ada.start()]
    await take(a.book, 1)
    await a.book.ensure(0, 1)
    a.book.takeFile('/f')

    await take(b.book, 100 * MIB - 1)

    await assert.rejects(take(a.book, 1), refused)
    await assert.rejects(take(b.book, 1), refused)
    for (let entry = 1; entry < 1000; entry++) {
      await b.book.ensure(0, 1)
      b.book.takeFile('/f')
    }
    assert.throws(() => b.book.takeFile('/f'), refused)
    assert.deepEqual(await a.books.usage('ada'), {
      limit: 100 * MIB,
      used: 100 * MIB,
      reserved: 0,
      files: 1000,
      fileLimit: 1000,
    })
  })

  test(`books over ${name}: a lower limit holds at the next byte of every process`, async () => {
    await using ada = await serve({ bytes: 100 * MIB, files: null }, { bytes: 0, files: 0 }, through)
    const [a, b] = [await ada.start(), await ada.start()]
    await take(a.book, 10)
    await take(b.book, 10)

    await a.books.setLimits('ada', { bytes: 25, files: null })

    await assert.rejects(take(b.book, 6), refused)
    await take(b.book, 5)
    await assert.rejects(take(a.book, 1), refused)
    assert.equal((await b.books.usage('ada')).used, 25)
  })

  test(`books over ${name}: after a process has died the disk says what it had`, async () => {
    const disk = { bytes: 0, files: 0 }
    await using ada = await serve({ bytes: 100, files: null }, async () => disk, through)
    const [a, b] = [await ada.start(), await ada.start()]
    await take(a.book, 30)
    await take(b.book, 50)
    disk.bytes = 30 + 50

    b.kill()
    await assert.rejects(take(a.book, 21), refused)
    await take(a.book, 20)

    assert.equal((await a.books.usage('ada')).used, 100)
  })

  test(`books over ${name}: nobody changes the home while it is counted`, async () => {
    let counting: PromiseWithResolvers<Found> | undefined
    const begun = Promise.withResolvers<void>()
    const disk = async (): Promise<Found> => {
      begun.resolve()
      return counting === undefined ? { bytes: 0, files: 0 } : counting.promise
    }
    await using ada = await serve({ bytes: null, files: null }, disk, through)
    const [a, b, c] = [await ada.start(), await ada.start(), await ada.start()]
    await take(a.book, 10)
    await take(b.book, 10)
    counting = Promise.withResolvers()
    c.kill()
    const usage = a.books.usage('ada')
    await begun.promise
    while (a.book.has(1) || b.book.has(1)) await new Promise<void>((resolve) => setImmediate(resolve))

    let written = 0
    const later = [take(a.book, 5), take(b.book, 7)].map((taken) => taken.then(() => written++))
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    assert.equal(written, 0)
    counting.resolve({ bytes: 20, files: 0 })

    await usage
    await Promise.all(later)
    assert.equal((await b.books.usage('ada')).used, 32)
  })

  test(`books over ${name}: a count waits for changes that are under way off the loop`, async () => {
    let found = 0
    await using ada = await serve(
      { bytes: null, files: null },
      async () => ({ bytes: found, files: 0 }),
      through,
    )
    const [a, b, c] = [await ada.start(), await ada.start(), await ada.start()]
    await take(b.book, 10)
    const write = Promise.withResolvers<void>()
    const written = b.book.during(write.promise)
    c.kill()

    const usage = a.books.usage('ada')
    while (b.book.has(1)) await new Promise<void>((resolve) => setImmediate(resolve))
    found = 10
    write.resolve()

    await written
    assert.equal((await usage).used, 10)
  })

  test(`books over ${name}: more given back than was ever taken is counted anew before anything is taken`, async () => {
    const disk = { bytes: 60, files: 2 }
    await using ada = await serve({ bytes: 100, files: 10 }, async () => disk, through)
    const [a, b] = [await ada.start(), await ada.start()]
    await take(b.book, 10)
    disk.bytes = 70

    a.book.give(1000)
    const told = a.book.usage
    assert.deepEqual([told.used >= 0, a.book.has(1)], [true, false])
    await take(a.book, 20)
    await take(b.book, 10)

    assert.equal((await b.books.usage('ada')).used, 100)
    await assert.rejects(take(a.book, 1), refused)
    await assert.rejects(take(b.book, 1), refused)
  })

  test(`books over ${name}: more entries given back than there ever were are counted anew`, async () => {
    await using ada = await serve({ bytes: null, files: 3 }, { bytes: 0, files: 2 }, through)
    const { book, books } = await ada.start()

    for (let entry = 0; entry < 5; entry++) book.giveFile()

    assert.equal(book.usage.files, 0)
    await book.ensure(0, 1)
    book.takeFile('/f')
    assert.throws(() => book.takeFile('/g'), refused)
    assert.equal((await books.usage('ada')).files, 3)
  })

  test(`books over ${name}: an account that is deleted and made again begins anew`, async () => {
    await using ada = await serve({ bytes: 100, files: 10 }, { bytes: 0, files: 0 }, through)
    const [a, b] = [await ada.start(), await ada.start()]
    await take(b.book, 60)

    await a.books.remove('ada')
    const again = await b.books.open('ada')

    await assert.rejects(take(b.book, 50), refused)
    b.book.give(60)
    await take(again, 100)
    assert.equal((await a.books.usage('ada')).used, 100)
  })

  test(`books over ${name}: what is removed while an account is over a lower limit makes no room above it`, async () => {
    await using ada = await serve({ bytes: 100 * MIB, files: 100 }, { bytes: 0, files: 0 }, through)
    const { book, books } = await ada.start()
    await take(book, 7 * MIB)
    book.reserve(MIB, '/kept')
    await takeFiles(book, 10)
    await books.setLimits('ada', { bytes: MIB, files: 5 })

    book.give(7 * MIB)
    book.release(MIB)
    for (let entry = 0; entry < 10; entry++) book.giveFile()

    await assert.rejects(take(book, MIB + 1), refused)
    await take(book, MIB)
    await assert.rejects(take(book, 1), refused)
    await takeFiles(book, 5)
    await assert.rejects(takeFiles(book, 1), refused)
  })

  test(`books over ${name}: of several processes none has room before all are below a lower limit`, async () => {
    await using ada = await serve({ bytes: 1000, files: 100 }, { bytes: 0, files: 0 }, through)
    const [a, b] = [await ada.start(), await ada.start()]
    for (const { book } of [a, b]) {
      await take(book, 60)
      await takeFiles(book, 6)
    }
    await b.books.setLimits('ada', { bytes: 50, files: 5 })

    a.book.give(60)
    for (let entry = 0; entry < 6; entry++) a.book.giveFile()
    await assert.rejects(take(a.book, 1), refused)
    await assert.rejects(takeFiles(a.book, 1), refused)
    b.book.give(30)
    for (let entry = 0; entry < 3; entry++) b.book.giveFile()

    await take(a.book, 15)
    await take(b.book, 5)
    await takeFiles(b.book, 2)
    for (const { book } of [a, b]) {
      await assert.rejects(take(book, 1), refused)
      await assert.rejects(takeFiles(book, 1), refused)
    }
  })

  test(`books over ${name}: what a new process removes of an account over its limit makes no room above it`, async () => {
    await using ada = await serve({ bytes: 50, files: 5 }, { bytes: 80, files: 8 }, through)
    const { book } = await ada.start()

    book.give(80)
    for (let entry = 0; entry < 8; entry++) book.giveFile()

    await assert.rejects(take(book, 51), refused)
    await take(book, 50)
    await takeFiles(book, 5)
    await assert.rejects(takeFiles(book, 1), refused)
  })

  test(`books over ${name}: what is removed after a count that found more than the limit makes no room above it`, async () => {
    const disk = { bytes: 0, files: 0 }
    await using ada = await serve({ bytes: 100, files: 10 }, async () => disk, through)
    const [a, b] = [await ada.start(), await ada.start()]
    for (const { book } of [a, b]) {
      await take(book, 50)
      await takeFiles(book, 5)
    }
    Object.assign(disk, { bytes: 150, files: 15 })
    a.book.give(1000)
    await a.books.usage('ada')

    for (const { book } of [a, b]) {
      book.give(30)
      for (let entry = 0; entry < 3; entry++) book.giveFile()
    }

    await assert.rejects(take(a.book, 11), refused)
    await take(b.book, 10)
    await takeFiles(b.book, 1)
    for (const { book } of [a, b]) {
      await assert.rejects(take(book, 1), refused)
      await assert.rejects(takeFiles(book, 1), refused)
    }
  })
}

test('books: what has waited for room waits again for a count that began meanwhile', async () => {
  await using ada = await serve({ bytes: 100, files: null }, { bytes: 0, files: 0 }, late)
  const { book } = await ada.start()
  const counted = Promise.withResolvers<void>()
  let acted = false

  const done = book.whenRoom(1, 0, () => {
    acted = true
  })
  book.holdStill(counted.promise)
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  assert.equal(acted, false)
  counted.resolve()

  await done
  assert.equal(acted, true)
})

test('books: what another process has written and this one removes is no reason to count', async () => {
  let counts = 0
  await using ada = await serve({ bytes: 100, files: null }, async () => {
    counts += 1
    return { bytes: 0, files: 0 }
  })
  const [a, b] = [await ada.start(), await ada.start()]
  await take(b.book, 50)
  await b.book.report()
  const before = counts

  a.book.give(50)

  assert.ok(a.book.has(0))
  assert.equal((await a.books.usage('ada')).used, 0)
  assert.equal(counts, before)
})

test('books: a bulk upload asks the ledger once in 8 MiB, and 5,000 small files do not ask for each', async () => {
  await using world = await sqlWorld()
  const { ledger } = await world.start()
  let asked = 0
  const counted: QuotaLedger = {
    ...ledger,
    async open(account) {
      const share = await ledger.open(account)
      return {
        ...share,
        lease: (state, need) => {
          asked += 1
          return share.lease(state, need)
        },
      }
    },
  }
  const limits = { bytes: 1024 * MIB, files: 100_000 }
  const books = openBooks({
    ledger: counted,
    measure: async () => ({ bytes: 0, files: 0 }),
    limitsOf: async () => limits,
    siblings: alone,
    clock: systemClock,
  })
  const book = await books.open('ada')

  for (let written = 0; written < 512 * MIB; written += 32 * 1024) await take(book, 32 * 1024)
  assert.ok(asked <= 64, `${asked} for 512 MiB`)

  asked = 0
  for (let file = 0; file < 5_000; file++) {
    await book.ensure(1, 1)
    book.takeFile('/f')
    await take(book, 4096)
  }
  assert.ok(asked <= 25, `${asked} for 5,000 files`)
})

test('books: a process that ends in order leaves what it used, and the next one need not count', async () => {
  await using world = await sqlWorld()
  const limitsOf = async () => ({ bytes: 100, files: 10 })
  const parts = { limitsOf, siblings: alone, clock: systemClock }
  const first = openBooks({
    ...parts,
    ledger: (await world.start()).ledger,
    measure: async () => ({ bytes: 0, files: 0 }),
  })
  const book = await first.open('ada')
  book.take(30, '/f')
  book.takeFile('/f')
  book.reserve(20, '/g')
  await first[Symbol.asyncDispose]()

  const measure = async () => assert.fail('it was counted')
  const second = openBooks({ ...parts, ledger: (await world.start()).ledger, measure })

  assert.deepEqual(await second.usage('ada'), { limit: 100, used: 30, reserved: 0, files: 1, fileLimit: 10 })
})

test('books: what is kept is given up before a write is refused, after the slack of others', async () => {
  await using ada = await serve({ bytes: 100, files: null })
  const [a, b] = [await ada.start(), await ada.start()]
  await take(b.book, 8)
  b.book.give(8)
  let kept = 40
  a.book.reserve(kept, '/kept')
  a.book.onNoRoom(() => {
    a.book.release(kept)
    kept = 0
    return true
  })

  await take(a.book, 60)
  assert.equal(kept, 40)
  await take(a.book, 40)
  assert.equal(kept, 0)
  await assert.rejects(take(a.book, 1), {
    message: 'Quota used up: 100 B of 100 B, 0 B free',
  })
})

test('books: a process that gave back leases without slack for a while, so that it does not take it again at once', async () => {
  await using ada = await serve({ bytes: 100 * MIB, files: null })
  const [a, b] = [await ada.start(), await ada.start()]
  await take(b.book, 10)
  assert.ok(b.book.has(MIB))

  await take(a.book, 100 * MIB - 20)
  a.book.give(50 * MIB)
  await a.book.giveBack()
  await take(b.book, 1)

  assert.ok(!b.book.has(1))
})

test('books: a lower limit holds at the next byte of the process that set it', async () => {
  await using ada = await serve({ bytes: 100 * MIB, files: null })
  const { book, books } = await ada.start()
  await take(book, 10)
  assert.ok(book.has(MIB))

  await books.setLimits('ada', { bytes: 25, files: null })

  await assert.rejects(take(book, 16), refused)
  await take(book, 15)
})

test('books: what goes below nothing, and who asks, while the home is counted wait for that count', async () => {
  let counts = 0
  let doubts = 0
  let counting: Promise<Found> = Promise.resolve({ bytes: 0, files: 0 })
  await using ada = await serve(
    { bytes: null, files: null },
    () => {
      counts += 1
      return counting
    },
    (ledger) => ({
      ...ledger,
      doubt(account) {
        doubts += 1
        return ledger.doubt(account)
      },
    }),
  )
  const { book, books } = await ada.start()
  const before = counts
  const found = Promise.withResolvers<Found>()
  counting = found.promise
  book.give(10)
  while (counts === before) await new Promise<void>((resolve) => setImmediate(resolve))

  book.give(10)
  const usage = books.usage('ada')
  found.resolve({ bytes: 0, files: 0 })

  await Promise.all([usage, book.ensure(1)])
  assert.deepEqual({ counts, doubts }, { counts: before + 1, doubts: 1 })
})

test('books: what is set aside while the home is counted is no more than that, and leaves no room above the limit', async () => {
  let disk = { bytes: 0, files: 0 }
  let meanwhile = (): void => {}
  await using ada = await serve({ bytes: 1000, files: null }, async () => {
    meanwhile()
    return disk
  })
  const { book, books, ledger } = await ada.start()
  await ledger.doubt('ada')
  disk = { bytes: 1500, files: 1 }
  // As a session does that ends, and leaves a part.
  meanwhile = () => book.reserve(100, '/part')

  assert.equal((await books.usage('ada')).used, 1500)

  await assert.rejects(take(book, 1), refused)
  book.release(100)
  await assert.rejects(take(book, 1), refused)
})

for (const first of [0, 1])
  test(`books: of two counts at a time the home changes when both are over, also when ${first ? 'the later' : 'the earlier'} one is first`, async () => {
    await using ada = await serve({ bytes: 1000, files: null })
    const { book } = await ada.start()
    await take(book, 1)
    const counts = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    for (const { promise } of counts) book.holdStill(promise)

    counts[first]!.resolve()
    await new Promise<void>((resolve) => setImmediate(resolve))

    assert.equal(book.has(1), false)
    counts[1 - first]!.resolve()
    await take(book, 1)
    assert.equal(book.has(1), true)
  })

test('books: a count in which another process did not hold still is not believed', async () => {
  await using world = await sqlWorld()
  const relatives = family()
  const relative = relatives.join()
  const moved = Promise.withResolvers<void>()
  relative.siblings.answer('quota hold still', (asked) => {
    const { again, ms } = asked as { again: boolean; ms: number }
    if (!again || ms === 0) return true
    moved.resolve()
    return false
  })
  let counts = 0
  const books = openBooks({
    ledger: (await world.start()).ledger,
    async measure() {
      if (++counts > 1) return { bytes: 20, files: 1 }
      await moved.promise
      // Its answer comes by JSON and a turn of the loop.
      for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      return { bytes: 10, files: 1 }
    },
    limitsOf: async () => ({ bytes: 100, files: null }),
    siblings: relatives.join().siblings,
    clock: systemClock,
  })

  const { used } = await books.usage('ada')

  assert.deepEqual({ used, counts }, { used: 20, counts: 2 })
})

test('books: who has more than a limit allows hears how much that is', async () => {
  await using ada = await serve({ bytes: 500, files: null }, { bytes: 796, files: 1 })
  const { book } = await ada.start()

  await assert.rejects(take(book, 1), { message: 'Quota used up: 796 B of 500 B, 0 B free' })
})

test('books: what is refused as too much hears what is free, whatever it asked for', async () => {
  await using ada = await serve({ bytes: 500, files: null }, { bytes: 300, files: 1 })
  const { book } = await ada.start()

  await assert.rejects(take(book, 201), { message: 'Quota used up: 300 B of 500 B, 200 B free' })
})

// An admin lists the accounts before the disk is mounted: all that is on it was free of quota until the next start.
test('books: a home that another one took the place of while its book was open is counted again', async () => {
  await using world = await sqlWorld()
  const { ledger } = await world.start()
  const disk = { place: '', bytes: 0 }
  const books = openBooks({
    ledger,
    measure: async () => ({ bytes: disk.bytes, files: 1 }),
    placeOf: () => disk.place,
    limitsOf: async () => ({ bytes: 500, files: null }),
    siblings: family().join().siblings,
    clock: systemClock,
  })
  await books.usage('ada')

  disk.place = 'mounted'
  disk.bytes = 400

  await assert.rejects(take(await books.open('ada'), 101), refused)
})

// A dead mount in one home: the admin's list of all accounts was an internal error.
test('books: of a home that cannot be counted is told what is written down', async () => {
  await using world = await sqlWorld()
  const { ledger } = await world.start()
  const parts = { limitsOf: async () => ({ bytes: 500, files: null }), siblings: alone, clock: systemClock }
  const before = openBooks({ ...parts, ledger, measure: async () => ({ bytes: 300, files: 1 }) })
  await before.usage('ada')
  await (await before.open('ada')).fold()
  let why = new OpError('EIO', 'The disk does not answer')
  const books = openBooks({
    ...parts,
    ledger,
    placeOf: () => 'elsewhere',
    measure: () => Promise.reject(why),
  })

  const { used } = await books.usage('ada')

  assert.equal(used, 300)
  await assert.rejects(async () => books.open('ada'), /does not answer/)

  // Of that one can say when to ask again.
  why = new OpError('EBUSY', 'A folder was moved')
  await assert.rejects(async () => books.usage('ada'), /was moved/)
})
