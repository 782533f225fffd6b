import assert from 'node:assert/strict'
import { mkdtemp, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { smallDisk, withoutDisks } from '../../support/small-disk.ts'
import { type StagedAccount, slowDisks, stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, NEW, onDisk, p, put, refuses } from '../../support/staged-files.ts'

const skip = withoutDisks()
/** More than the disk has: the kernel takes what fits, and then says why not all. */
const TOO_MUCH = [Buffer.alloc(2 * 1024 * 1024, 'x')]

/** Ada's home on a disk of 1 MiB, which answers at once or later. */
async function onSmallDisk(
  slow: boolean,
  use: (ada: StagedAccount, vfs: StagedFileSystem) => Promise<void>,
): Promise<void> {
  const homes = await mkdtemp(join(tmpdir(), 'full-'))
  {
    using _ = smallDisk(homes, 1)
    await using ada = await stagedAccount({ homes, ...(slow ? { paces: slowDisks } : {}) })
    await use(ada, await ada.session())
  }
  await rmdir(homes)
}

for (const slow of [false, true]) {
  const what = `full ${slow ? 'slow ' : ''}disk`

  test(`${what}: what it took of a WRITE behind a hole of a new file is cut off with the hole`, {
    skip,
  }, async () => {
    await onSmallDisk(slow, async (ada, vfs) => {
      const file = await vfs.open(p('/a'), NEW)
      await file.write(bytes('12345'), 0)
      await refuses('ENOSPC', () => file.write(TOO_MUCH, 8))

      await refuses('EIO', () => file.close())

      assert.equal(await onDisk(ada, 'a'), '12345')
      await balanced(ada)
    })
  })

  for (const at of [5, 8])
    test(`${what}: what it took of an overwrite's WRITE at ${at} of 5 is part of it, or cut off, and paid for`, {
      skip,
    }, async () => {
      await onSmallDisk(slow, async (ada, vfs) => {
        await put(vfs, '/a', 'the old')
        const file = await vfs.open(p('/a'), NEW)
        await file.write(bytes('12345'), 0)
        await refuses('ENOSPC', () => file.write(TOO_MUCH, at))
        await file.abandon()
        const part = vfs.shelved().find(({ kind }) => kind === 'part')!
        assert.equal(part.size > 5, at === 5)

        const again = await vfs.resume(p('/a'), part.size)
        if (part.size > 5) await again.truncate(5)
        await again.write(bytes('6'), 5)
        await again.close()

        assert.equal((await stat(join(ada.home, 'a'))).size, 6)
        assert.equal(ada.book.usage.used, 6)
      })
    })
}
