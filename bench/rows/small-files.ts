import { join } from 'node:path'
import { sftp } from '../parts/client.ts'
import { linked, mustBeSame, remove, smallFiles } from '../parts/files.ts'
import { timed } from '../parts/rounds.ts'
import { type Row, wallAndCpu } from '../parts/row.ts'
import type { Stage } from '../parts/stage.ts'

const SIZE = 4096

const few = (stage: Stage): string => smallFiles(stage, 5000, SIZE)
const many = (stage: Stage): string => smallFiles(stage, 50_000, SIZE)

export const smallFileRows: readonly Row[] = [
  {
    ...up(few),
    name: 'up5k',
    title: '5,000 x 4 KiB up',
    goals: wallAndCpu([0.9, 0.65], [0.9, 0.6]),
    peers: true,
    warm: 4,
  },
  {
    ...down(few),
    name: 'down5k',
    title: '5,000 x 4 KiB down',
    goals: wallAndCpu([0.8, 0.65], [0.85, 0.7]),
    peers: true,
    warm: 4,
  },
  {
    ...up(many),
    name: 'up50k',
    title: '50,000 x 4 KiB up',
    goals: wallAndCpu([0.9, 0.65], [0.9, 0.6]),
    rounds: 2,
  },
]

function up(folder: (stage: Stage) => string): Pick<Row, 'measure'> {
  return {
    async measure(stage, server) {
      const from = folder(stage)
      const sent = join(server.local, 'sent')
      try {
        const figures = await timed(server, () =>
          sftp(stage, server, [`put -r ${from} ${server.remote}/sent`]),
        )
        mustBeSame(from, sent)
        return figures
      } finally {
        remove(sent)
      }
    },
  }
}

function down(folder: (stage: Stage) => string): Pick<Row, 'prepare' | 'measure'> {
  return {
    prepare: (stage, { local }) => linked(folder(stage), join(local, 'many')),
    async measure(stage, server) {
      const got = join(stage.client, 'got')
      const figures = await timed(server, () => sftp(stage, server, [`get -r ${server.remote}/many ${got}`]))
      mustBeSame(folder(stage), got)
      remove(got)
      return figures
    },
  }
}
