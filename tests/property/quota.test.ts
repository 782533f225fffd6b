import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../src/base/error.ts'
import { measure } from '../../src/vfs/measure.ts'
import type { Pace } from '../../src/vfs/pace.ts'
import { operate, type Sitting, sitDown, there } from '../support/quota-sittings.ts'
import { randomFrom } from '../support/random.ts'
import { stagedAccount } from '../support/staged-account.ts'

const LIMIT = 512 * 1024
const FILES = 60
/** Of so many operations one is an admin's, who sets another limit. */
const LIMITS = 80
const SESSIONS = 6
const OPERATIONS = 400
const SEEDS = Number(process.env.QUOTA_SEEDS ?? 20)
const FIRST = Number(process.env.QUOTA_FIRST ?? 1)
/** Operations of each session between two quiet points; and between two looks at the disk. */
const ROUND = 40
const LOOK = 12

/** Operations that each session has under way at once: one as by SFTP, or more. */
const outstanding = (seed: number): number => 1 + (seed % 3)

/** A disk that answers at once, a moment later, or long after it is done; nobody knows before. */
function moodyDisk(random: (below: number) => number): Pace {
  const turns = async (): Promise<void> => {
    for (let left = random(4); left > 0; left--) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return {
    get quick() {
      return random(4) === 0
    },
    now: (work) => work(),
    async later(work) {
      await turns()
      try {
        return await work()
      } finally {
        await turns()
      }
    },
  }
}

for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
  const durable = seed % 5 === 0 ? 'overwrite' : 'never'
  test(`quota: six sessions at the same time never pass the limit, and equal the disk when it is quiet (seed ${seed}, durable ${durable})`, async () => {
    const disk = moodyDisk(randomFrom(seed + 1_000_000))
    await using ada = await stagedAccount({
      bytes: LIMIT,
      files: FILES,
      durable,
      overwrite: seed % 4 === 3 ? 'in-place' : 'staged',
      paces: { of: () => disk },
    })
    const { book, home, staging } = ada
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => sitDown(ada)))
    let refused = 0
    let turns = 0
    // Over a limit that was lowered it may only become less.
    let most = { bytes: LIMIT, files: FILES }
    const check = (): void => {
      const { limit, used, reserved, files, fileLimit } = book.usage
      assert.ok(
        used + reserved <= most.bytes && used >= 0 && reserved >= 0,
        `${used} + ${reserved} of ${limit}`,
      )
      assert.ok(files <= most.files && files >= 0, `${files} of ${fileLimit} files`)
      if (changing > 0) return
      most = { bytes: Math.max(limit!, used + reserved), files: Math.max(fileLimit!, files) }
    }
    /** Until it is done both may hold. */
    let changing = 0
    const limit = async (bytes: number, files: number): Promise<void> => {
      changing += 1
      most = { bytes: Math.max(most.bytes, bytes), files: Math.max(most.files, files) }
      await ada.limit(bytes, files)
      changing -= 1
      check()
    }
    const look = (): void => {
      check()
      const { used, files } = book.usage
      if (++turns % LOOK !== 0) return
      const now = there(home)
      assert.ok(now.bytes <= used && now.files <= files, `${now.bytes} of ${used}, ${now.files} of ${files}`)
    }
    const work = async (session: Sitting, random: (below: number) => number): Promise<void> => {
      for (let turn = 0; turn < ROUND / outstanding(seed); turn++) {
        try {
          await operate(session, random)
        } catch (error) {
          if (!isOpError(error)) throw error
          if (error.code === 'EDQUOT') refused += 1
        }
        if (random(LIMITS) === 0) await limit(LIMIT >> random(3), FILES >> random(3))
        look()
      }
    }
    const randoms = sessions.map((_, i) => randomFrom(seed * SESSIONS + i))
    try {
      for (let done = 0; done < OPERATIONS; done += ROUND) {
        const works = sessions.flatMap((session, i) =>
          Array.from({ length: outstanding(seed) }, () => work(session, randoms[i]!)),
        )
        const outcomes = await Promise.allSettled(works)
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
        for (const { open } of sessions) for (const handle of open.splice(0)) await handle.abandon()
        const found = await measure(home)
        const aside = await measure(staging)
        const { used, reserved, files } = book.usage
        assert.deepEqual({ bytes: used, files, reserved }, { ...found, reserved: aside.bytes })
      }
      assert.ok(refused > 0, 'the limit was never met')
    } finally {
      for (const session of sessions) await session.leave()
    }
  })
}
