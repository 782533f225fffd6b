// `npm run bench shells [SHELLS] [MIB]`: how long a keystroke takes to come back in one of many interactive shells,
// while OpenSSH's sftp fetches a file; p50, p99 and the longest. The goal is 100 ms at p99.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { startServer } from '../tests/support/start-server.ts'

const [shells = '200', mib = '1024'] = process.argv.slice(2)
await using server = await startServer()
mkdirSync(server.home('ada'), { recursive: true })
writeFileSync(join(server.home('ada'), 'big.bin'), '')
truncateSync(join(server.home('ada'), 'big.bin'), Number(mib) * 1024 * 1024)
const privateKey = readFileSync(server.key)

const clients: ssh2.Client[] = []
const terminals: ssh2.ClientChannel[] = []
for (let count = 0; count < Number(shells); count++) terminals.push(await openShell())
console.log(`${terminals.length} shells are open`)

report('idle', await keystrokes(() => false, 5))
let over = false
const started = performance.now()
const fetching = spawn('sftp', ['-q', '-F', server.sshConfig, '-b', '-', 'ftp'], { cwd: server.folder })
fetching.stdin.end('get big.bin /dev/null\nget big.bin /dev/null\nget big.bin /dev/null\n')
const fetched = once(fetching, 'exit').then(() => {
  over = true
})
report(`while ${mib} MiB are fetched, three times`, await keystrokes(() => over, Number.POSITIVE_INFINITY))
await fetched
console.log(`the transfers took ${((performance.now() - started) / 1000).toFixed(1)} s`)
for (const client of clients) client.end()

async function openShell(): Promise<ssh2.ClientChannel> {
  const client = new ssh2.Client()
  clients.push(client)
  client.connect({ host: server.host, port: server.port, username: 'ada', privateKey })
  await once(client, 'ready')
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.shell({ term: 'xterm', cols: 80, rows: 24 }, (error, opened) =>
      error === undefined ? resolve(opened) : reject(error),
    ),
  )
  // The last thing of a prompt is where the cursor goes.
  let seen = ''
  const ready = new Promise<void>((resolve) => {
    channel.on('data', (chunk: Buffer) => {
      seen = (seen + chunk.toString('latin1')).slice(-200)
      if (/> (\x1b\[\d+G)?$/.test(seen)) resolve()
    })
  })
  await ready
  return channel
}

/** A letter in each shell after another, and how long its echo takes; every eighth time the line is emptied. */
async function keystrokes(isOver: () => boolean, rounds: number): Promise<readonly number[]> {
  const took: number[] = []
  for (let round = 0; round < rounds && !isOver(); round++) {
    for (const channel of terminals) {
      if (isOver()) break
      const sent = performance.now()
      channel.write(round % 8 === 7 ? '\x15' : 'x')
      await once(channel, 'data')
      took.push(performance.now() - sent)
    }
  }
  return took
}

function report(when: string, took: readonly number[]): void {
  const sorted = [...took].sort((a, b) => a - b)
  const at = (part: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(2)
  console.log(
    `${when}: ${sorted.length} keystrokes, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  )
}
