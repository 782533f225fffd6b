import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileError } from '../../../src/vfs/errno.ts'

// A mount by sshfs whose program is gone, a machine of NFS that is off.
for (const code of ['ENOTCONN', 'EHOSTDOWN', 'ETIMEDOUT']) {
  test(`errno: ${code} is told as a disk that does not answer`, () => {
    const error = fileError(Object.assign(new Error('lstat /srv/far'), { code }), '/far')

    assert.match(String(error), /^OpError: The disk does not answer, tell an admin: "\/far"$/)
  })
}
