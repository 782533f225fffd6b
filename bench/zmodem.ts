// `npm run bench zmodem [MIB] [ROUNDS]`: MB/s of a file through a terminal by ZMODEM, both ways, with lrzsz at the other
// end of OpenSSH's client, and what the server's memory grows by meanwhile.
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MIB, memoryOf } from '../tests/support/server-memory.ts'
import { startServer } from '../tests/support/start-server.ts'
import { WANTS_TO_RECEIVE, WANTS_TO_SEND, ZmodemTerminal } from '../tests/support/zmodem-terminal.ts'

const [mib = '300', rounds = '3'] = process.argv.slice(2)
const size = Number(mib) * MIB

await using server = await startServer()
const here = join(server.folder, 'here')
mkdirSync(here)
const file = openSync(join(here, 'up.bin'), 'w')
for (let at = 0; at < size; at += MIB) writeSync(file, randomFillSync(Buffer.allocUnsafe(MIB)))
closeSync(file)

const terminal = new ZmodemTerminal(server.sshConfig)
await terminal.sees(/> $/)
const figures = { put: [] as number[], get: [] as number[] }
const before = memoryOf(server.pid)
let most = before
const watch = setInterval(() => {
  most = Math.max(most, memoryOf(server.pid))
}, 50)
for (let round = 0; round < Number(rounds); round++) {
  figures.put.push(await timed(() => move('put -f', WANTS_TO_RECEIVE, 'sz', ['up.bin'])))
  rmSync(join(here, 'down'), { recursive: true, force: true })
  mkdirSync(join(here, 'down'))
  figures.get.push(await timed(() => move('get up.bin', WANTS_TO_SEND, 'rz', [], 'down')))
  if (statSync(join(here, 'down', 'up.bin')).size !== size) throw new Error('the file came back shorter')
}
clearInterval(watch)
terminal.close()
for (const [way, list] of Object.entries(figures)) {
  const sorted = list.map((seconds) => size / 1e6 / seconds).sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]!
  console.log(
    `zmodem ${way} of ${mib} MiB: ${middle.toFixed(1)} MB/s (${sorted.map((one) => one.toFixed(1)).join(', ')})`,
  )
}
console.log(
  `memory of the server: ${(before / MIB).toFixed(0)} MiB before, at most ${(most / MIB).toFixed(0)} MiB`,
)

async function move(
  line: string,
  start: RegExp,
  program: string,
  args: readonly string[],
  into = '.',
): Promise<void> {
  terminal.type(line)
  const status = await terminal.bridge(start, program, args, join(here, into))
  if (status !== 0) throw new Error(`${program} ended with ${status}`)
  await terminal.sees(/> $/)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
