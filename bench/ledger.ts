// `npm run bench ledger [ROUNDS]`: what the ledger costs. Two of our servers, one without it, take the same uploads in
// turns; printed is the ratio of their CPU, and how it spreads.
import { join } from 'node:path'
import { sftp } from './parts/client.ts'
import { bigFile, mustBeSame, remove, smallFiles } from './parts/files.ts'
import { type Figures, ratio, rounds, spread, timed } from './parts/rounds.ts'
import { ours, type Server } from './parts/servers.ts'
import { openStage, type Stage } from './parts/stage.ts'

const WITHOUT = `--import ${join(import.meta.dirname, 'parts/without-ledger.ts')}`

const rows = [
  { title: '1 GiB up', source: (stage: Stage) => bigFile(stage, 1024), most: 1.05 },
  { title: '5,000 x 4 KiB up', source: (stage: Stage) => smallFiles(stage, 5000, 4096), most: 1.15 },
]

const count = Number(process.argv[2] ?? 7)
using stage = openStage()
await using on = await ours()(stage, 'with ledger')
await using off = await without(() => ours()(stage, 'without ledger'))

for (const { title, source, most } of rows) {
  const from = source(stage)
  const upload = async (server: Server): Promise<Figures> => {
    const sent = join(server.local, 'sent')
    const figures = await timed(server, () => sftp(stage, server, [`put -r ${from} ${server.remote}/sent`]))
    mustBeSame(from, sent)
    remove(sent)
    return figures
  }
  for (const server of [on, off]) await upload(server)
  const measured = await rounds([on, off], count, upload)
  const { median, least, most: worst } = ratio(measured, on.label, off.label, 'cpu')
  const seconds = (label: string) => spread(measured[label]!.map(({ cpu }) => cpu!)).median.toFixed(2)
  console.log(
    `${title}: server CPU with the ledger / without = ${median.toFixed(3)} (${least.toFixed(3)} to ${worst.toFixed(3)}, ${count} rounds; ` +
      `${seconds(on.label)} s / ${seconds(off.label)} s); must be below ${most}`,
  )
}

/** Starts a server with the preload; this process goes on without it. */
async function without<T>(start: () => Promise<T>): Promise<T> {
  process.env.NODE_OPTIONS = WITHOUT
  try {
    return await start()
  } finally {
    delete process.env.NODE_OPTIONS
  }
}
