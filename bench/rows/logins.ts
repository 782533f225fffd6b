import { once } from 'node:events'
import { sftp } from '../parts/client.ts'
import { timed } from '../parts/rounds.ts'
import type { Row } from '../parts/row.ts'
import { atOnce, login } from '../parts/sessions.ts'

const ONE_BY_ONE = 40
const IN_ALL = 400
const WIDTH = 40

export const logins: readonly Row[] = [
  {
    name: 'login',
    title: 'one login with a key by OpenSSH’s sftp',
    peers: true,
    warm: 5,
    goals: [{ figure: 'cost', must: 0.15, stretch: 0.08 }],
    async measure(stage, server) {
      const { wall, cpu } = await timed(server, async () => {
        for (let i = 0; i < ONE_BY_ONE; i++) await sftp(stage, server, ['pwd'])
      })
      return { each: (wall! / ONE_BY_ONE) * 1000, cost: (cpu! / ONE_BY_ONE) * 1000 }
    },
  },
  {
    name: 'logins',
    title: 'logins a second, 40 at once',
    peers: true,
    warm: 5,
    goals: [{ figure: 'rate', must: 0.9, stretch: 1, to: 'rclone', least: true }],
    async measure(stage, server) {
      const { wall, cpu } = await timed(server, () =>
        atOnce(WIDTH, IN_ALL, async () => {
          const client = await login(stage, server)
          const closed = once(client, 'close')
          client.end()
          await closed
        }),
      )
      return { rate: IN_ALL / wall!, cost: (cpu! / IN_ALL) * 1000 }
    },
  },
]
