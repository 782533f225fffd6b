import { join } from 'node:path'
import { sftp } from '../parts/client.ts'
import { bigFile, placed, remove } from '../parts/files.ts'
import { memoryOf } from '../parts/process.ts'
import type { Figures } from '../parts/rounds.ts'
import type { Row } from '../parts/row.ts'
import { type Server, sleep } from '../parts/servers.ts'
import { atOnce, beginSftp, login } from '../parts/sessions.ts'
import type { Stage } from '../parts/stage.ts'

const CLIENTS = [0, 1, 2, 3, 4, 5, 6, 7]

export const memory: readonly Row[] = [
  { ...idle(200), name: 'idle200', title: 'memory of one of 200 idle sessions', peers: true, rounds: 3 },
  { ...idle(1000), name: 'idle1000', title: 'memory of one of 1,000 idle sessions', rounds: 1 },
  {
    name: 'grow8down',
    title: 'anonymous memory, growth while 8 x 1 GiB go down',
    goals: [{ figure: 'growth', must: 48, stretch: 16, to: 'none' }],
    fresh: true,
    rounds: 3,
    prepare: (stage, { local }) => placed(bigFile(stage, 1024), join(local, 'big')),
    measure: (stage, server) => grown(stage, server, () => `get ${server.remote}/big /dev/null`),
  },
  {
    name: 'grow8up',
    title: 'anonymous memory, growth while 8 x 1 GiB go up',
    goals: [{ figure: 'growth', must: 48, stretch: 16, to: 'none' }],
    fresh: true,
    rounds: 3,
    async measure(stage, server) {
      const file = bigFile(stage, 1024)
      const figures = await grown(stage, server, (client) => `put ${file} ${server.remote}/sent-${client}`)
      for (const client of CLIENTS) remove(join(server.local, `sent-${client}`))
      return figures
    },
  },
]

function idle(count: number): Omit<Row, 'name' | 'title'> {
  return {
    fresh: true,
    goals: [{ figure: 'pss', must: 0.06, stretch: 0.03 }],
    async measure(stage, server) {
      const before = memoryOf(server.pid)
      const clients: Awaited<ReturnType<typeof login>>[] = []
      await atOnce(20, count, async () => {
        const client = await login(stage, server)
        clients.push(client)
        await beginSftp(client)
      })
      // What the logins left behind is collected by and by.
      await sleep(3000)
      const after = memoryOf(server.pid)
      for (const client of clients) client.destroy()
      return {
        pss: ((after.pss - before.pss) / count) * 1024,
        anonymous: ((after.anonymous - before.anonymous) / count) * 1024,
      }
    },
  }
}

/** The peak over the start, looked at ten times a second. */
async function grown(stage: Stage, server: Server, command: (client: number) => string): Promise<Figures> {
  // One small transfer first: code that is loaded at first use is no growth.
  await sftp(stage, server, ['pwd'])
  const before = memoryOf(server.pid).anonymous
  let peak = before
  let over = false
  const look = async (): Promise<void> => {
    while (!over) {
      peak = Math.max(peak, memoryOf(server.pid).anonymous)
      await sleep(100)
    }
  }
  const looking = look()
  await Promise.all(CLIENTS.map((client) => sftp(stage, server, [command(client)])))
  over = true
  await looking
  return { growth: peak - before }
}
