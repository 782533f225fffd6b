// `npm run bench workers [ROUNDS] [MIB] [ROW]`: what a second process brings on this machine. Two of our servers, with one worker
// and with two, take the same uploads and logins in turns; printed is the ratio of the times, and how it spreads.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { askServer } from '../src/control.ts'
import { sftp } from './parts/client.ts'
import { bigFile, mustBeSame, remove } from './parts/files.ts'
import { type Figures, ratio, rounds, timed } from './parts/rounds.ts'
import { ours, type Server } from './parts/servers.ts'
import { atOnce, login } from './parts/sessions.ts'
import { openStage } from './parts/stage.ts'

const ACCOUNTS = 8
const LOGINS = 200
const WIDTH = 20

const count = Number(process.argv[2] ?? 7)
const mib = Number(process.argv[3] ?? 128)
const wanted = process.argv[4]
using stage = openStage()
await using one = await ours('--workers', '1')(stage, 'one worker')
await using two = await ours('--workers', '2')(stage, 'two workers')
const key = readFileSync(stage.authorized, 'utf8').trim()
for (const server of [one, two]) {
  const folder = join(server.local, '../../..')
  for (let i = 0; i < ACCOUNTS; i++)
    await askServer(folder, ['user', 'add', `other${i}`, '--key-line', key], silent())
}

/** Uploads at once: all of one account, or each of an account of its own. */
function uploads(accounts: 'one' | 'each') {
  return async (server: Server): Promise<Figures> => {
    const file = bigFile(stage, mib)
    const users = Array.from({ length: ACCOUNTS }, (_, i) => (accounts === 'one' ? server.user : `other${i}`))
    const figures = await timed(server, async () => {
      await Promise.all(users.map((user, i) => sftp(stage, { ...server, user }, [`put ${file} sent${i}`])))
    })
    for (const [i, user] of users.entries()) {
      const sent = join(server.local, '../..', user, `sent${i}`)
      mustBeSame(file, sent)
      remove(sent)
    }
    return figures
  }
}

async function logins(server: Server): Promise<Figures> {
  return timed(server, () =>
    atOnce(WIDTH, LOGINS, async () => {
      const client = await login(stage, server)
      const closed = once(client, 'close')
      client.end()
      await closed
    }),
  )
}

const rows = [
  {
    name: 'accounts',
    title: `${ACCOUNTS} x ${mib} MiB up at once, each of its own account`,
    measure: uploads('each'),
  },
  {
    name: 'account',
    title: `${ACCOUNTS} x ${mib} MiB up at once, all of one account`,
    measure: uploads('one'),
  },
  { name: 'logins', title: `${LOGINS} logins, ${WIDTH} at once`, measure: logins },
].filter(({ name }) => wanted === undefined || name === wanted)
console.log(`${availableParallelism()} cores, shared with the clients; ${count} rounds; two workers / one`)
for (const { title, measure } of rows) {
  for (const server of [one, two]) await measure(server)
  const measured = await rounds([one, two], count, measure)
  const said = (['wall', 'cpu'] as const).map((figure) => {
    const { median, least, most } = ratio(measured, two.label, one.label, figure)
    return `${figure} x${median.toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`
  })
  console.log(`${title}: ${said.join(', ')}`)
}

function silent(): Parameters<typeof askServer>[2] {
  return {
    print() {},
    complain(line) {
      throw new Error(line)
    },
    input: async () => '',
    confirm: async () => true,
  }
}
