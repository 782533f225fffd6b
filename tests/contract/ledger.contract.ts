import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Found, Held, QuotaLedger, Share, ShareState } from '../../src/quota/ledger.ts'

/** The processes of one ledger. */
export interface LedgerWorld extends AsyncDisposable {
  /** One more process; `boot` tells one run of the machine from another. */
  start(boot?: string): Promise<{ readonly ledger: QuotaLedger; kill(): void }>
}

const NONE = { bytes: 0, files: 0 }
const PLENTY = { bytes: 8_000, files: 100 }

/** A process's side of a share, as a book keeps it, without a mind of its own. */
class Holder {
  readonly share: Share
  state: ShareState = { used: 0, reserved: 0, files: 0, unseen: 0, heldBytes: 0, heldFiles: 0 }

  constructor(share: Share) {
    this.share = share
  }

  async lease(bytes: number, files = 0, slack = NONE): Promise<boolean> {
    const held = await this.share.lease(this.state, { bytes, files, slack })
    if (held !== undefined) this.state = { ...this.state, ...held }
    return held !== undefined
  }

  async report(change: Partial<ShareState> = {}): Promise<void> {
    this.state = { ...this.state, ...change }
    await this.share.report(this.state)
  }

  get held(): Held {
    return { heldBytes: this.state.heldBytes, heldFiles: this.state.heldFiles }
  }
}

/** What every ledger keeps to. */
export function ledgerContract(name: string, open: () => Promise<LedgerWorld>): void {
  async function twoHolders(
    world: LedgerWorld,
    limits: { bytes: number | null; files: number | null },
    found: Found = NONE,
  ) {
    const [one, two] = [await world.start(), await world.start()]
    await one.ledger.setLimits('ada', limits)
    const holders = [
      new Holder(await one.ledger.open('ada')),
      new Holder(await two.ledger.open('ada')),
    ] as const
    assert.equal(await one.ledger.count('ada', (await one.ledger.uncounted('ada'))!, found), true)
    return { one, two, a: holders[0], b: holders[1] }
  }

  test(`${name}: what is written down of an account is told without a share of it`, async () => {
    await using world = await open()
    const { one, a, b } = await twoHolders(world, { bytes: 1000, files: 10 }, { bytes: 100, files: 2 })
    await a.lease(600, 5)
    await a.report({ used: 50, reserved: 20, files: 1 })
    await b.report({ used: -10 })

    const noted = await one.ledger.noted('ada')

    assert.deepEqual(noted, { limit: 1000, used: 140, reserved: 20, files: 3, fileLimit: 10 })
    const nobody = { limit: null, used: 0, reserved: 0, files: 0, fileLimit: null }
    assert.deepEqual(await one.ledger.noted('nobody'), nobody)
  })

  test(`${name}: an account whose home is in another place than before is counted again`, async () => {
    await using world = await open()
    const { one, two } = await twoHolders(world, { bytes: 1000, files: 10 }, { bytes: 100, files: 2 })
    assert.equal(await one.ledger.isAt('ada', 'here'), false)
    const last = (await one.ledger.uncounted('ada'))!
    assert.equal(await one.ledger.count('ada', last, { bytes: 100, files: 2 }), true)

    assert.equal(await two.ledger.isAt('ada', 'here'), true)
    assert.equal(await one.ledger.uncounted('ada'), undefined)
    assert.equal(await two.ledger.isAt('ada', 'there'), false)
    assert.equal(await one.ledger.uncounted('ada'), last + 1)
  })

  test(`${name}: what two processes hold fits the limit together, to the byte and to the file`, async () => {
    await using world = await open()
    const { a, b } = await twoHolders(world, { bytes: 1000, files: 10 }, { bytes: 100, files: 2 })

    assert.equal(await a.lease(600, 5), true)
    assert.equal(await b.lease(301, 0), false)
    assert.equal(await b.lease(300, 4), false)
    assert.equal(await b.lease(300, 3), true)
    assert.equal(await a.lease(1), false)

    assert.deepEqual(
      [a.held, b.held],
      [
        { heldBytes: 600, heldFiles: 5 },
        { heldBytes: 300, heldFiles: 3 },
      ],
    )
  })

  test(`${name}: a lease that does not fit changes nothing`, async () => {
    await using world = await open()
    const { a, b } = await twoHolders(world, { bytes: 1000, files: null })
    await a.lease(400)

    assert.equal(
      await a.share.lease({ ...a.state, used: 400 }, { bytes: 700, files: 0, slack: NONE }),
      undefined,
    )

    const { used, heldBytes } = await b.share.around()
    assert.deepEqual({ used, heldBytes }, { used: 0, heldBytes: 400 })
  })

  test(`${name}: slack comes with a lease, an eighth of what is free at most, and only of the kind that was needed`, async () => {
    await using world = await open()
    const { a, b } = await twoHolders(world, { bytes: 100_000, files: 1000 })

    await a.lease(20_000, 0, PLENTY)
    assert.deepEqual(a.held, { heldBytes: 28_000, heldFiles: 0 })
    await a.lease(0, 8, PLENTY)
    assert.deepEqual(a.held, { heldBytes: 28_000, heldFiles: 8 + 100 })
    await b.lease(40_000, 0, PLENTY)
    assert.deepEqual(b.held, { heldBytes: 40_000 + 4_000, heldFiles: 0 })
    await b.lease(28_000, 0, PLENTY)
    assert.equal(b.held.heldBytes, 72_000)
  })

  test(`${name}: without a limit there is always room, and it is written down all the same`, async () => {
    await using world = await open()
    const { a, b } = await twoHolders(world, { bytes: null, files: null }, { bytes: 7, files: 1 })

    await a.lease(2 ** 50, 3, PLENTY)
    await a.report({ used: 2 ** 50 - 1, reserved: 1, files: 3 })

    assert.deepEqual(await b.share.around(), {
      limits: { bytes: null, files: null },
      used: 2 ** 50 + 6,
      reserved: 1,
      files: 4,
      heldBytes: 2 ** 50 + 7 + 8_000,
      heldFiles: 4 + 100,
    })
  })

  test(`${name}: a lower limit holds from the next step, and what is given back is there for others`, async () => {
    await using world = await open()
    const { two, a, b } = await twoHolders(world, { bytes: 1000, files: 100 })
    await a.lease(800, 40)

    await two.ledger.setLimits('ada', { bytes: 500, files: 20 })

    assert.deepEqual((await a.share.around()).limits, { bytes: 500, files: 20 })
    assert.equal(await b.lease(1), false)
    assert.equal(await b.lease(0, 1), false)
    await a.report({ used: 300, files: 10, heldBytes: 300, heldFiles: 10 })
    assert.equal(await b.lease(201, 10), false)
    assert.equal(await b.lease(200, 11), false)
    assert.equal(await b.lease(200, 10), true)
  })

  test(`${name}: what is in doubt is to be counted, and known when it is`, async () => {
    await using world = await open()
    const { one, two, a } = await twoHolders(world, { bytes: 1000, files: 10 })
    await a.lease(100)
    await a.report({ used: 100 })

    await one.ledger.doubt('ada')
    const last = await two.ledger.uncounted('ada')
    assert.ok(last !== undefined)
    assert.equal(await two.ledger.count('ada', last, { bytes: 40, files: 0 }), true)

    assert.equal(await one.ledger.uncounted('ada'), undefined)
    assert.equal((await a.share.around()).used, -60)
  })

  test(`${name}: what one process removes of another's is room for both`, async () => {
    await using world = await open()
    const { a, b } = await twoHolders(world, { bytes: 1000, files: 10 }, { bytes: 1000, files: 10 })

    await b.report({ used: -400, files: -4, heldBytes: -400, heldFiles: -4 })

    assert.equal(await a.lease(401), false)
    assert.equal(await a.lease(400, 4), true)
  })

  test(`${name}: a share that is folded stays counted, and what was set aside is free`, async () => {
    await using world = await open()
    const { one, a, b } = await twoHolders(world, { bytes: 1000, files: 10 }, { bytes: 10, files: 1 })
    await a.lease(500, 5)

    await a.share.fold({ ...a.state, used: 300, reserved: 100, files: 5 })

    const { used, reserved, files, heldBytes, heldFiles } = await b.share.around()
    assert.deepEqual(
      { used, reserved, files, heldBytes, heldFiles },
      { used: 310, reserved: 0, files: 6, heldBytes: 310, heldFiles: 6 },
    )
    assert.equal(await one.ledger.uncounted('ada'), undefined)
  })

  test(`${name}: an account is unknown until it was counted, once`, async () => {
    await using world = await open()
    const { ledger } = await world.start()
    await ledger.open('ada')

    const last = await ledger.uncounted('ada')

    assert.equal(typeof last, 'number')
    assert.equal(await ledger.count('ada', last! + 1, NONE), false)
    assert.equal(await ledger.count('ada', last!, NONE), true)
    assert.equal(await ledger.count('ada', last!, NONE), false)
    assert.equal(await ledger.uncounted('ada'), undefined)
  })

  test(`${name}: what a dead process held counts until the account is counted again, less what the living have`, async () => {
    await using world = await open()
    const { one, two, a, b } = await twoHolders(world, { bytes: 1000, files: 10 })
    await a.lease(300, 3)
    await a.report({ used: 250, unseen: 50, files: 2 })
    await b.lease(700, 7)

    two.kill()

    assert.equal(await a.lease(1), false)
    const last = await one.ledger.uncounted('ada')
    assert.notEqual(last, undefined)
    assert.equal(await one.ledger.count('ada', last!, { bytes: 600, files: 5 }), true)
    const { used, files, heldBytes, heldFiles } = await a.share.around()
    assert.deepEqual(
      { used, files, heldBytes, heldFiles },
      { used: 400, files: 3, heldBytes: 400, heldFiles: 3 },
    )
    assert.equal(await one.ledger.uncounted('ada'), undefined)
    assert.equal(await a.lease(301), false)
    assert.equal(await a.lease(300, 4), true)
  })

  test(`${name}: a count that another one has overtaken leaves what the dead held`, async () => {
    await using world = await open()
    const { one, two, b } = await twoHolders(world, { bytes: 1000, files: 10 })
    await one.ledger.doubt('ada')
    const last = (await one.ledger.uncounted('ada'))!
    assert.equal(await one.ledger.count('ada', last, NONE), true)
    await b.lease(700, 7)
    two.kill()

    assert.equal(await one.ledger.count('ada', last, NONE), false)

    assert.notEqual(await one.ledger.uncounted('ada'), undefined)
    assert.equal((await one.ledger.noted('ada')).used, 0)
  })

  test(`${name}: after another start of the machine all accounts are counted, for it may have lost what was written last`, async () => {
    await using world = await open()
    const { one, two, a, b } = await twoHolders(world, { bytes: 1000, files: 10 })
    await a.share.fold(a.state)
    await b.share.fold(b.state)
    assert.equal(await one.ledger.uncounted('ada'), undefined)
    one.kill()
    two.kill()

    const sameBoot = await world.start()
    assert.equal(await sameBoot.ledger.uncounted('ada'), undefined)
    sameBoot.kill()
    const { ledger } = await world.start('another boot')

    assert.notEqual(await ledger.uncounted('ada'), undefined)
  })

  test(`${name}: a process that starts later finds the dead too`, async () => {
    await using world = await open()
    const { one, two, a } = await twoHolders(world, { bytes: 1000, files: 10 })
    await a.lease(300, 3)
    one.kill()
    two.kill()

    const three = await world.start()

    assert.notEqual(await three.ledger.uncounted('ada'), undefined)
    assert.equal(await three.ledger.uncounted('bob'), undefined)
  })

  test(`${name}: a removed account holds nothing, and one made again is another`, async () => {
    await using world = await open()
    const { one, two, a, b } = await twoHolders(world, { bytes: 1000, files: 10 })
    await a.lease(300, 3)
    await b.lease(20, 2)
    b.state = { ...b.state, used: 20, files: 2 }

    await two.ledger.remove('ada')
    await two.ledger.setLimits('ada', { bytes: 50, files: 5 })
    const again = new Holder(await two.ledger.open('ada'))

    assert.equal(await a.lease(1), false)
    await a.report()
    await b.share.fold(b.state)
    assert.equal(await again.lease(50, 5), true)
    assert.notEqual(await one.ledger.uncounted('ada'), undefined)
  })

  test(`${name}: whatever three processes do and however they die, what they hold never passes the limit`, async () => {
    const step = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('lease', 'lease', 'give back', 'remove', 'fold', 'kill', 'count'),
      bytes: fc.nat(400),
      files: fc.nat(4),
    })
    const run = async (steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) => {
      await using world = await open()
      const start = async () => {
        const { ledger, kill } = await world.start()
        return { ledger, kill, holder: new Holder(await ledger.open('ada')) }
      }
      const limits = { bytes: 1000, files: 12 }
      const processes = [await start(), await start(), await start()]
      await processes[0]!.ledger.setLimits('ada', limits)
      await processes[0]!.ledger.count('ada', 0, { bytes: 100, files: 1 })
      /** What is on the disk. */
      let there = { bytes: 100, files: 1 }
      for (const { who, what, bytes, files } of steps) {
        const process = processes[who]!
        const { holder, ledger } = process
        const { used, files: entries, heldBytes, heldFiles } = holder.state
        if (what === 'lease') {
          await holder.lease(bytes, files, { bytes: 300, files: 3 })
          const more = { bytes: holder.state.heldBytes - used, files: holder.state.heldFiles - entries }
          const write = { bytes: Math.min(bytes, more.bytes), files: Math.min(files, more.files) }
          holder.state = { ...holder.state, used: used + write.bytes, files: entries + write.files }
          there = { bytes: there.bytes + write.bytes, files: there.files + write.files }
        } else if (what === 'give back') await holder.report({ heldBytes: used, heldFiles: entries })
        else if (what === 'remove') {
          const gone = { bytes: Math.min(bytes, there.bytes), files: Math.min(files, there.files) }
          there = { bytes: there.bytes - gone.bytes, files: there.files - gone.files }
          holder.state = {
            ...holder.state,
            used: used - gone.bytes,
            files: entries - gone.files,
            heldBytes,
            heldFiles,
          }
        } else if (what === 'fold') {
          await holder.share.fold(holder.state)
          processes[who] = await start()
        } else if (what === 'kill') {
          process.kill()
          processes[who] = await start()
        } else {
          const last = await ledger.uncounted('ada')
          if (last === undefined) continue
          for (const other of processes) await other.holder.report()
          assert.equal(await ledger.count('ada', last, there), true)
        }
        assert.ok(there.bytes <= limits.bytes && there.files <= limits.files, JSON.stringify(there))
        const looker = processes[(who + 1) % 3]!.holder
        const around = await looker.share.around()
        assert.ok(around.heldBytes + looker.state.heldBytes <= limits.bytes)
        assert.ok(around.heldFiles + looker.state.heldFiles <= limits.files)
      }
    }

    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 60 })
  })
}
