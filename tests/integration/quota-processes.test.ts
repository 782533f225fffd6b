import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOpError } from '../../src/base/error.ts'
import { measure } from '../../src/vfs/measure.ts'
import { type QuotaProcess, quotaFamily } from '../support/quota-family.ts'

const LIMITS = { bytes: 700_000, files: 16 }
const OPERATIONS = Number(process.env.QUOTA_OPERATIONS ?? 1_500)

async function inFolder(work: (folder: string, home: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quota-processes-'))
  const home = join(folder, 'home')
  await mkdir(home)
  try {
    await work(folder, home)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function checkWithin({ used, files }: { readonly used: number; readonly files: number }): void {
  assert.ok(used >= 0 && used <= LIMITS.bytes, `${used} bytes`)
  assert.ok(files >= 0 && files <= LIMITS.files, `${files} files`)
}

/** Looks until `working` is over: what lies there and what is said of it never passes the limit. */
async function watch(home: string, asked: QuotaProcess, working: Promise<unknown>): Promise<number> {
  let over = false
  const ended = working.finally(() => {
    over = true
  })
  let looks = 0
  for (; !over; looks++) {
    try {
      const { bytes, files } = await measure(home)
      checkWithin({ used: bytes, files })
    } catch (error) {
      if (!isOpError(error, 'EBUSY')) throw error
    }
    checkWithin(await asked.usage())
  }
  await ended
  return looks
}

test('quota: two processes that share an account pass its limit at no moment, and are exact at the end', async () => {
  await inFolder(async (folder, home) => {
    await using family = quotaFamily(folder, LIMITS)
    const [one, two] = [await family.start(), await family.start()]

    const working = Promise.all([one.work(1, OPERATIONS), two.work(2, OPERATIONS)])
    const looks = await watch(home, two, working)
    const [first, second] = await working

    assert.ok(looks > 3, `${looks} looks`)
    assert.ok(first.refused > 0 && second.refused > 0, 'the limit was never met')
    const { bytes, files } = await measure(home)
    assert.deepEqual(await one.usage(), { used: bytes, reserved: 0, files })
    assert.deepEqual(await two.usage(), { used: bytes, reserved: 0, files })
  })
})

test('quota: a process that is killed leaves the other one exact, again and again', async () => {
  await inFolder(async (folder, home) => {
    await using family = quotaFamily(folder, LIMITS)
    const stays = await family.start()
    for (let round = 1; round <= 4; round++) {
      const dies = await family.start()
      const lost = assert.rejects(dies.work(10 + round, 1_000_000), /has ended/)
      const working = stays.work(20 + round, OPERATIONS / 2)
      await stays.usage()
      await dies.kill()
      await lost

      await watch(home, stays, working)

      const { bytes, files } = await measure(home)
      assert.deepEqual(await stays.usage(), { used: bytes, reserved: 0, files })
    }
  })
})
