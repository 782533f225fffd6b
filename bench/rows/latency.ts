import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, sftp, sshOptions } from '../parts/client.ts'
import { delayedLine } from '../parts/delayed-line.ts'
import { bigFile, MIB, placed, remove } from '../parts/files.ts'
import { openProbe, whileDoing } from '../parts/probe.ts'
import { timed } from '../parts/rounds.ts'
import type { Goal, Row } from '../parts/row.ts'
import { openssh, sleep } from '../parts/servers.ts'

const P99: Goal = { figure: 'p99', must: 3, stretch: 1.5 }
const LINE_MS = 20
const SLOW_MS = 100
const SLOW_SECONDS = 8

export const latency: readonly Row[] = [
  {
    name: 'latidle',
    title: 'LSTAT of a session while nothing else goes on',
    goals: [P99],
    peers: true,
    prepare: (stage, { local }) => placed(bigFile(stage, 1), join(local, 'one')),
    async measure(stage, server) {
      using probe = await openProbe(stage, server)
      const { p50, p99 } = await whileDoing(() => probe.lstat(`${server.remote}/one`), sleep(3000))
      return { p50, p99 }
    },
  },
  {
    name: 'latdown',
    title: 'LSTAT of a second session while one downloads 1 GiB',
    goals: [P99],
    peers: true,
    prepare: (stage, { local }) => placed(bigFile(stage, 1024), join(local, 'big')),
    async measure(stage, server) {
      using probe = await openProbe(stage, server)
      const transfer = sftp(stage, server, [`get ${server.remote}/big ${stage.client}/got`])
      const { p50, p99 } = await whileDoing(() => probe.lstat(`${server.remote}/big`), transfer)
      remove(join(stage.client, 'got'))
      return { p50, p99 }
    },
  },
  {
    name: 'latup',
    title: 'LSTAT of a second session while one uploads 1 GiB',
    goals: [P99],
    peers: true,
    prepare: (stage, { local }) => placed(bigFile(stage, 1), join(local, 'one')),
    async measure(stage, server) {
      using probe = await openProbe(stage, server)
      const transfer = sftp(stage, server, [`put ${bigFile(stage, 1024)} ${server.remote}/sent`])
      const { p50, p99 } = await whileDoing(() => probe.lstat(`${server.remote}/one`), transfer)
      remove(join(server.local, 'sent'))
      return { p50, p99 }
    },
  },
  {
    name: 'slowdisk',
    title: 'LSTAT of a second session while one reads from a disk that takes 200 ms a call',
    goals: [{ figure: 'p99', must: 50, to: 'none' }],
    rounds: 3,
    /** sshfs over a delayed line to an sshd: every call that it cannot answer itself takes two delays. */
    async measure(stage, server) {
      const far = join(stage.folder, 'far')
      mkdirSync(far, { recursive: true })
      writeFileSync(join(far, 'slow'), Buffer.alloc(64 * MIB, 1))
      writeFileSync(join(server.local, 'quick'), '')
      const mount = join(server.local, 'mounted')
      mkdirSync(mount)
      await using disk = await openssh(stage, `disk ${server.label}`)
      using line = await delayedLine(disk.port, SLOW_MS)
      const options = ['-o', 'direct_io,cache=no,max_conns=1', ...sshOptions(stage, line)]
      await run('sshfs', [`${disk.user}@127.0.0.1:${far}`, mount, ...options])
      try {
        using reader = await openProbe(stage, server)
        using other = await openProbe(stage, server)
        let reads = 0
        const reading = (async () => {
          for (const end = performance.now() + SLOW_SECONDS * 1000; performance.now() < end; reads++)
            await reader.read(`${server.remote}/mounted/slow`, 32 * 1024)
        })()
        const { p50, p99 } = await whileDoing(() => other.lstat(`${server.remote}/quick`), reading)
        return { p50, p99, reads }
      } finally {
        execFileSync('fusermount3', ['-u', '-z', mount])
        remove(mount)
      }
    },
  },
  longLine('lineup', 'up', 0.4, 0.25),
  longLine('linedown', 'down', 1.05, 1),
]

function longLine(name: string, way: 'up' | 'down', must: number, stretch: number): Row {
  return {
    name,
    title: `256 MiB ${way} through ${LINE_MS} ms each way`,
    goals: [{ figure: 'wall', must, stretch }],
    prepare(stage, { local }) {
      if (way === 'down') placed(bigFile(stage, 256), join(local, 'big'))
    },
    async measure(stage, server) {
      using line = await delayedLine(server.port, LINE_MS)
      const file = bigFile(stage, 256)
      const command =
        way === 'up' ? `put ${file} ${server.remote}/sent` : `get ${server.remote}/big ${stage.client}/got`
      const figures = await timed(server, () => sftp(stage, { ...server, port: line.port }, [command]))
      remove(join(server.local, 'sent'))
      remove(join(stage.client, 'got'))
      return figures
    },
  }
}
