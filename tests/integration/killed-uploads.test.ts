import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killedUploads } from '../../scripts/torture/killed-uploads.ts'

test('kill -9 in the middle of uploads: nothing acknowledged is lost, and each is gone on with to the same MD5', async () => {
  const count = Number(process.env.KILLS ?? 5)

  const found = await killedUploads({ seed: 4, count, say: console.log })

  assert.match(
    found,
    new RegExp(`^${count} kills amid ${4 * count} uploads: \\d+ chunks acknowledged, none lost`),
  )
})
