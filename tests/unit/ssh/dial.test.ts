import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialPorch } from '../../support/dial-porch.ts'
import { startPorch, wantedPath } from '../../support/start-porch.ts'

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

test('dial: keys that are renewed after the login do not start the wait for it again', async (t) => {
  const OUTPUT = Buffer.alloc(100 * 1024)
  await using porch = await startPorch(
    async ({ channel }) => {
      await channel.write(OUTPUT)
      return 0
    },
    { limits: { rekeyBytes: OUTPUT.length } },
  )
  let checks = 0
  const line = await dialPorch(porch.port, wantedPath(), async () => {
    checks++
    return true
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })

  while (checks < 2) await line.exec('anything')
  // All that the check resolves has been done.
  await new Promise((resolve) => setImmediate(resolve))
  t.mock.timers.tick(20_000)

  assert.equal(line.alive(), true)
  line.cut()
})
