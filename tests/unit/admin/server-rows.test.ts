import assert from 'node:assert/strict'
import { test } from 'node:test'
import { showTransfer } from '../../../src/admin/server-rows.ts'
import { virtualPath } from '../../../src/vfs/path.ts'

test('server rows: a transfer that waits goes the way for which its file was opened', () => {
  const path = virtualPath('/a.bin')
  for (const [read, written, size, shown] of [
    [0, 0, 2048, 'down /a.bin 0 B of 2 KiB'],
    [0, 0, 0, 'down /a.bin 0 B'],
    [1024, 0, 2048, 'down /a.bin 1 KiB of 2 KiB'],
    [0, 0, undefined, 'up /a.bin 0 B'],
    [0, 1024, undefined, 'up /a.bin 1 KiB'],
    [1024, 1024, undefined, 'up /a.bin 2 KiB'],
    [1024, 0, undefined, 'down /a.bin 1 KiB'],
  ] as const)
    assert.equal(showTransfer({ path, read, written, size, rate: 0 }), shown)
})
