// What docs/performance.md promises, row by row: `npm run bench` measures all rows and writes bench/RESULTS.md;
// `npm run bench NAME…` measures those rows and prints them.
//   --rounds N   --peers no   --set NAME=VALUE (a setting of our server)   --save (into RESULTS.md)
import { parseArgs } from 'node:util'
import { sftp } from './parts/client.ts'
import { print, save } from './parts/results.ts'
import { type Measured, rounds } from './parts/rounds.ts'
import type { Row } from './parts/row.ts'
import { type Maker, Missing, openssh, ours, proftpd, rclone, type Server } from './parts/servers.ts'
import { openStage, type Stage } from './parts/stage.ts'
import { bigFiles } from './rows/big-files.ts'
import { latency } from './rows/latency.ts'
import { listings } from './rows/listings.ts'
import { logins } from './rows/logins.ts'
import { memory } from './rows/memory.ts'
import { smallFileRows } from './rows/small-files.ts'

const ROWS: readonly Row[] = [...bigFiles, ...smallFileRows, ...listings, ...logins, ...latency, ...memory]
const ROUNDS = 5

/** Beside the yardstick; a row is good without them. */
const PEERS: readonly [string, Maker][] = [
  ['proftpd', proftpd],
  ['rclone', rclone],
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    peers: { type: 'string', default: 'yes' },
    set: { type: 'string', multiple: true, default: [] },
    save: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name))
if (unknown.length > 0) {
  console.error(`There is no row "${unknown[0]}"; there are ${ROWS.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
const chosen = positionals.length === 0 ? ROWS : ROWS.filter(({ name }) => positionals.includes(name))

for (const row of chosen) {
  const { measured, versions } = await measure(row)
  print(row, measured)
  if (values.save || positionals.length === 0) save(ROWS, row, measured, versions)
}

interface Outcome {
  readonly measured: Measured
  readonly versions: readonly string[]
}

async function measure(row: Row): Promise<Outcome> {
  const count = values.rounds === undefined ? (row.rounds ?? ROUNDS) : Number(values.rounds)
  if (row.fresh !== true) return roundsOf(row, count)
  const all: Outcome[] = []
  for (let round = 0; round < count; round++) all.push(await roundsOf(row, 1))
  // Not one that failed in a later round.
  const labels = Object.keys(all[0]!.measured).filter((label) =>
    all.every(({ measured }) => measured[label] !== undefined),
  )
  return {
    versions: all[0]!.versions,
    measured: Object.fromEntries(
      labels.map((label) => [label, all.flatMap(({ measured }) => measured[label]!)]),
    ),
  }
}

/** In a stage of its own, so that no row finds what another left. */
async function roundsOf(row: Row, count: number): Promise<Outcome> {
  using stage = openStage()
  const makers: [string, Maker][] = [
    ['openssh', openssh],
    ['ours', ours(...settings())],
    ['openssh again', openssh],
  ]
  if (row.peers === true && values.peers !== 'no') makers.push(...PEERS)
  await using life = new AsyncDisposableStack()
  const servers: Server[] = []
  for (const [label, make] of makers) {
    const server = await startedIfHere(make, stage, label)
    if (server === undefined) continue
    servers.push(life.use(server))
    row.prepare?.(stage, server)
    // What a server does once only, before or at its first login, is no part of any round.
    if (row.fresh !== true) await sftp(stage, server, ['pwd'])
  }
  const warm = row.warm ?? 0
  const all = await rounds(
    servers,
    warm + count,
    (server, round) => row.measure(stage, server, round),
    ({ label }, error) => {
      if (!PEERS.some(([name]) => name === label)) return false
      console.error(`${label} fails in ${row.name} and is left out: ${error}`)
      return true
    },
  )
  const measured = Object.fromEntries(Object.entries(all).map(([label, some]) => [label, some.slice(warm)]))
  const there = servers.filter(({ label }) => measured[label] !== undefined)
  return { measured, versions: [...new Set(there.map(({ version }) => version))] }
}

function settings(): string[] {
  return values.set.flatMap((text) => {
    const at = text.indexOf('=')
    return [`--${text.slice(0, at)}`, text.slice(at + 1)]
  })
}

async function startedIfHere(make: Maker, stage: Stage, label: string): Promise<Server | undefined> {
  try {
    return await make(stage, label)
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    console.error(`${label} is not here and is left out (npm run bench:peers)`)
    return undefined
  }
}
