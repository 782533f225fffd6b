import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { MINIFTP } from '../support/run-miniftp.ts'
import { PROJECT, startServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

/** CLIENT_RESTART_MIB=1024 for a real file. */
const SIZE = Number(process.env.CLIENT_RESTART_MIB ?? 24) * 1024 * 1024

/** The same server again, over the same VAR, after it was killed. */
async function startAgain(folder: string): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const env = { ...process.env, MINIFTP_VAR: join(folder, 'var'), MINIFTP_HOSTKEYS: join(folder, 'hostkeys') }
  const words = [join(PROJECT, 'bin/miniftpd.mjs'), 'serve', '--port', '0']
  const child = spawn(process.execPath, words, { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout! })) {
    const port = /^listening on .*:(\d+)$/.exec(line)?.[1]
    if (port !== undefined) {
      child.stdout!.resume()
      return { child, port: Number(port) }
    }
  }
  throw new Error('the server ended before it listened')
}

test('client: a server that is killed in the middle of a put and started again gets the rest, and the same bytes', async () => {
  await using server = await startServer()
  await using proxy = await startCuttingProxy(server.port)
  writeFileSync(join(server.folder, 'k.bin'), noise(SIZE))
  const words = [
    'put',
    '--json',
    '-F',
    server.sshConfig,
    '-P',
    String(proxy.port),
    '-o',
    'StrictHostKeyChecking=accept-new',
  ]
  const client = spawn(
    process.execPath,
    ['--no-warnings', MINIFTP, ...words, '-o', 'UserKnownHostsFile=/dev/null', 'k.bin', 'ftp:'],
    { cwd: server.folder, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = once(client, 'close')
  const events: {
    readonly event: string
    readonly done?: number
    readonly resumedAt?: number
    readonly verified?: boolean
  }[] = []
  let again: { readonly child: ChildProcess; readonly port: number } | undefined
  try {
    for await (const line of createInterface({ input: client.stdout })) {
      const event = JSON.parse(line) as (typeof events)[number]
      events.push(event)
      if (event.event !== 'progress' || again !== undefined) continue
      process.kill(server.pid, 'SIGKILL')
      again = await startAgain(server.folder)
      proxy.aim(again.port)
    }
    const [status] = (await ended) as [number]

    assert.equal(status, 0)
    assert.ok(events.some(({ event }) => event === 'lost'))
    assert.equal(events.at(-1)?.event, 'done')
    assert.equal(events.at(-1)?.verified, true)
    sameFile(join(server.home('ada'), 'k.bin'), join(server.folder, 'k.bin'))
  } finally {
    if (again !== undefined) {
      const gone = once(again.child, 'exit')
      again.child.kill()
      await gone
    }
  }
})
