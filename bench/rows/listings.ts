import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sftp } from '../parts/client.ts'
import { fill } from '../parts/files.ts'
import { timed } from '../parts/rounds.ts'
import { type Goal, type Row, wallAndCpu } from '../parts/row.ts'

const PLAIN = wallAndCpu([0.6, 0.45], [0.75, 0.55])
const LONG = wallAndCpu([0.5, 0.4], [0.65, 0.5])

export const listings: readonly Row[] = [
  { ...listing('-1', 50_000, PLAIN), name: 'ls50k', title: 'ls of 50,000 names', peers: true },
  { ...listing('-l', 50_000, LONG), name: 'lsl50k', title: 'ls -l of 50,000 names', peers: true },
  { ...listing('-l', 100_000, LONG), name: 'lsl100k', title: 'ls -l of 100,000 names' },
]

function listing(how: string, count: number, goals: readonly Goal[]): Omit<Row, 'name' | 'title'> {
  return {
    goals,
    warm: 2,
    prepare(_stage, { local }) {
      const folder = join(local, `names-${count}`)
      if (!existsSync(folder)) fill(folder, count, new Uint8Array(0))
    },
    async measure(stage, server) {
      const said = join(stage.client, 'said')
      const figures = await timed(server, () =>
        sftp(stage, server, [`ls ${how} ${server.remote}/names-${count}`], [], said),
      )
      const lines = readFileSync(said, 'latin1')
        .split('\n')
        .filter((line) => line.includes('file-')).length
      if (lines !== count) throw new Error(`${server.label} listed ${lines} of ${count} names`)
      return figures
    },
  }
}
