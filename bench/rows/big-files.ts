import { join } from 'node:path'
import { sftp } from '../parts/client.ts'
import { bigFile, mustBeSame, placed, remove } from '../parts/files.ts'
import { timed } from '../parts/rounds.ts'
import { type Goal, type Row, wallAndCpu } from '../parts/row.ts'

const GIB = 1024
const GCM = ['Ciphers=aes128-gcm@openssh.com']
const CHACHA = ['Ciphers=chacha20-poly1305@openssh.com']

export const bigFiles: readonly Row[] = [
  down('down1g', '1 GiB down, what the two sides negotiate', wallAndCpu([0.7, 0.6], [0.42, 0.33]), []),
  up('up1g', '1 GiB up, what the two sides negotiate', wallAndCpu([0.42, 0.33], [0.36, 0.29]), []),
  down('down1g-gcm', '1 GiB down, AES-128-GCM forced', wallAndCpu([0.8, 0.7], [0.48, 0.38]), GCM),
  up('up1g-gcm', '1 GiB up, AES-128-GCM forced', wallAndCpu([0.52, 0.45], [0.45, 0.38]), GCM),
  down('down1g-chacha', '1 GiB down, ChaCha20 forced', wallAndCpu([0.95, 0.88], [0.58, 0.5]), CHACHA),
  up('up1g-chacha', '1 GiB up, ChaCha20 forced', wallAndCpu([0.65, 0.57], [0.55, 0.46]), CHACHA),
  many('par8down', 'down', '8 x 128 MiB down at once', wallAndCpu([0.8, 0.7], [0.45, 0.36])),
  many('par8up', 'up', '8 x 128 MiB up at once', wallAndCpu([0.55, 0.45], [0.35, 0.29])),
]

function down(name: string, title: string, goals: readonly Goal[], options: readonly string[]): Row {
  return {
    name,
    title,
    goals,
    peers: options.length === 0,
    prepare: (stage, { local }) => placed(bigFile(stage, GIB), join(local, 'big')),
    async measure(stage, server) {
      const got = join(stage.client, 'got')
      const figures = await timed(server, () =>
        sftp(stage, server, [`get ${server.remote}/big ${got}`], options),
      )
      mustBeSame(bigFile(stage, GIB), got)
      remove(got)
      return figures
    },
  }
}

function up(name: string, title: string, goals: readonly Goal[], options: readonly string[]): Row {
  return {
    name,
    title,
    goals,
    peers: options.length === 0,
    async measure(stage, server) {
      const file = bigFile(stage, GIB)
      const sent = join(server.local, 'sent')
      const figures = await timed(server, () =>
        sftp(stage, server, [`put ${file} ${server.remote}/sent`], options),
      )
      mustBeSame(file, sent)
      remove(sent)
      return figures
    },
  }
}

const CLIENTS = [0, 1, 2, 3, 4, 5, 6, 7]

function many(name: string, way: 'down' | 'up', title: string, goals: readonly Goal[]): Row {
  return {
    name,
    title,
    goals,
    peers: true,
    prepare(stage, { local }) {
      if (way === 'down') placed(bigFile(stage, 128), join(local, 'part'))
    },
    async measure(stage, server) {
      const file = bigFile(stage, 128)
      const at = (client: number): string =>
        join(way === 'down' ? stage.client : server.local, `got-${client}`)
      const command = (client: number): string =>
        way === 'down'
          ? `get ${server.remote}/part ${at(client)}`
          : `put ${file} ${server.remote}/got-${client}`
      const figures = await timed(server, async () => {
        await Promise.all(CLIENTS.map((client) => sftp(stage, server, [command(client)])))
      })
      for (const client of CLIENTS) {
        mustBeSame(file, at(client))
        remove(at(client))
      }
      return figures
    },
  }
}
