import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialPorch } from '../../support/dial-porch.ts'
import { startPorch } from '../../support/start-porch.ts'

test('dial: a command whose output and end came in one piece with its beginning is heard whole', async () => {
  await using porch = await startPorch(async ({ channel }) => {
    await channel.write(Buffer.from('done'))
    return 7
  })
  const line = await dialPorch(porch.port)

  const said = await Promise.all(Array.from({ length: 20 }, () => line.exec('anything')))

  line.cut()
  assert.deepEqual(said, Array(20).fill({ status: 7, stdout: 'done' }))
})
