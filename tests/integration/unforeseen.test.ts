// Nobody foresaw it: a promise that nobody waits for rejects, a listener throws. The operator reads the log the next morning.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startServer, type TestServer } from '../support/start-server.ts'

/** Faults of ours, each by a signal. */
const FAULTS = `
  process.on('SIGUSR2', () => void Promise.reject(new Error('nobody waits', { cause: new Error('the reason') })))
  process.on('SIGWINCH', () => { throw new Error('nobody catches') })`
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FAULTS)}` }

/** The line of the log that says so, when it has come. */
async function logged(server: TestServer, message: string): Promise<Record<string, unknown>> {
  const folder = join(server.var, 'log')
  for (;;) {
    const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    const line = lines.find((text) => text.includes(message))
    if (line !== undefined) return JSON.parse(line)
    await delay(50)
  }
}

test('unforeseen: of a promise that nobody waits for the log has stack and cause, and the server goes on', async () => {
  await using server = await startServer({ env })

  process.kill(server.pid, 'SIGUSR2')

  const { level, event, error, cause, stack } = await logged(server, 'nobody waits')
  assert.deepEqual([level, event, error, cause], ['error', 'internal error', 'nobody waits', 'the reason'])
  assert.match(String(stack), /^Error: nobody waits\\n +at /)
  assert.equal((await server.console(['user', 'list'])).status, 0)
})

test('unforeseen: of an error that nobody catches the log has the stack, and the server ends as Node ends it', async () => {
  await using server = await startServer({ env })

  process.kill(server.pid, 'SIGWINCH')

  const { event, stack } = await logged(server, 'nobody catches')
  assert.equal(event, 'internal error')
  assert.match(String(stack), /^Error: nobody catches\\n +at /)
  assert.notEqual(await server.stop(), 0)
  assert.match(server.said(), /Error: nobody catches\n +at /)
})
