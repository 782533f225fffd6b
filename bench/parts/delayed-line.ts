// A line that delays every byte by MS each way, and limits nothing else: node delayed-line.ts TARGETPORT MS
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface DelayedLine extends Disposable {
  readonly port: number
}

/** In a process of its own, as a line is. */
export async function delayedLine(target: number, ms: number): Promise<DelayedLine> {
  const args = ['--no-warnings', import.meta.filename, String(target), String(ms)]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout!, 'data')) as [Buffer]
  return { port: Number(said.toString()), [Symbol.dispose]: () => void child.kill() }
}

async function serve(target: number, ms: number): Promise<void> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    later(near, far, ms)
    later(far, near, ms)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log((server.address() as { port: number }).port)
}

/** Timers of one length fire in the order they were set. */
function later(from: Socket, to: Socket, ms: number): void {
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), ms))
  from.on('end', () => setTimeout(() => to.end(), ms))
  from.on('error', () => to.destroy())
  from.on('close', () => setTimeout(() => to.destroy(), ms))
}

if (process.argv[1] === import.meta.filename) await serve(Number(process.argv[2]), Number(process.argv[3]))
