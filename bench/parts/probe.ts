import { spawn } from 'node:child_process'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'
import { sshOptions } from './client.ts'
import type { Server } from './servers.ts'
import type { Stage } from './stage.ts'

const INIT: Request = { type: 'init', version: 3 }

/** A session of its own, by OpenSSH's ssh, that asks one small question after another. */
export interface Probe extends Disposable {
  /** Time from an LSTAT to its answer, in ms. */
  lstat(path: string): Promise<number>
  /** READ of the first bytes of a file that stays open; ms. */
  read(path: string, bytes: number): Promise<number>
}

export async function openProbe(stage: Stage, server: Server): Promise<Probe> {
  const args = [...sshOptions(stage, server), '-s', `${server.user}@127.0.0.1`, 'sftp']
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let waiting: ((packet: Buffer) => void) | undefined
  let held = Buffer.alloc(0)
  child.stdout.on('data', (bytes: Buffer) => {
    held = Buffer.concat([held, bytes])
    if (held.length < 4 || held.length < 4 + held.readUInt32BE(0)) return
    const packet = held.subarray(4, 4 + held.readUInt32BE(0))
    held = held.subarray(4 + packet.length)
    waiting?.(packet)
  })
  const ask = (request: Request): Promise<Buffer> =>
    new Promise((resolve) => {
      waiting = resolve
      child.stdin.write(encodeRequest(request))
    })
  const timed = async (request: Request): Promise<number> => {
    const begin = performance.now()
    await ask(request)
    return performance.now() - begin
  }
  await ask(INIT)
  let handle: string | undefined
  return {
    lstat: (path) => timed({ type: 'lstat', id: 1, path }),
    async read(path, length) {
      if (handle === undefined) {
        const packet = await ask({ type: 'open', id: 1, path, flags: { read: true }, attrs: {} })
        handle = packet.subarray(9).toString('latin1')
      }
      return timed({ type: 'read', id: 1, handle, offset: 0, length })
    },
    [Symbol.dispose]() {
      child.stdin.end()
      child.kill()
    },
  }
}

/** Answers of the probe until the work is done: p50, p99 and the longest, in ms. */
export async function whileDoing(
  probe: (n: number) => Promise<number>,
  work: Promise<unknown>,
): Promise<{ p50: number; p99: number; max: number; asked: number }> {
  let over = false
  const end = (): void => {
    over = true
  }
  work.then(end, end)
  const times: number[] = []
  while (!over) {
    times.push(await probe(times.length))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await work
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? NaN, asked: sorted.length }
}
