import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killedUploads } from '../../scripts/torture/killed-uploads.ts'

test('kill -9 of one of two processes amid uploads that come in by both: nothing acknowledged is lost', async () => {
  const count = Number(process.env.KILLS ?? 2)

  const found = await killedUploads({ seed: 5, count, say: console.log, workers: 2 })

  assert.match(
    found,
    new RegExp(`^${count} kills amid ${4 * count} uploads: \\d+ chunks acknowledged, none lost`),
  )
})
