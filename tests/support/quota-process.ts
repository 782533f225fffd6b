// One of several processes that serve the same account: writes and removes files of its own as it is told by its seed.
// Asked by IPC: { work: seed, operations }, { usage }; asks and answers its siblings the same way, through its parent.
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { isOpError } from '../../src/base/error.ts'
import { isAlive, markOf } from '../../src/base/living.ts'
import type { Siblings } from '../../src/base/siblings.ts'
import { openBooks } from '../../src/quota/books.ts'
import { openDatabase } from '../../src/store/database.ts'
import { sqlLedger } from '../../src/store/sql-ledger.ts'
import { Inodes } from '../../src/vfs/inodes.ts'
import { openLocal } from '../../src/vfs/local.ts'
import { measure } from '../../src/vfs/measure.ts'
import { metered } from '../../src/vfs/metered.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import { Refusals } from '../../src/vfs/refusals.ts'
import type { FileHandle } from '../../src/vfs/vfs.ts'
import { randomFrom } from './random.ts'

/** From the parent. */
export type ToProcess =
  | { readonly work: number; readonly operations: number }
  | { readonly usage: true }
  | { readonly count: number }
  | { readonly ask: number; readonly word: string; readonly data: unknown }
  | { readonly answered: number; readonly answers: readonly unknown[] }
/** To the parent. */
export type FromProcess =
  | { readonly ready: true }
  | { readonly done: true; readonly written: number; readonly refused: number }
  | { readonly usage: { readonly used: number; readonly reserved: number; readonly files: number } }
  | { readonly asks: number; readonly word: string; readonly data: unknown }
  | { readonly answer: number; readonly value: unknown }

const [folder, limit, files] = process.argv.slice(2)
const say = (message: FromProcess): void => void process.send!(message)

let others = 0
let asked = 0
const words = new Map<string, (data: unknown) => unknown>()
const waiting = new Map<number, (answers: readonly unknown[]) => void>()
const siblings: Siblings = {
  get count() {
    return others
  },
  ask(word, data) {
    asked += 1
    say({ asks: asked, word, data })
    return new Promise((resolve) => waiting.set(asked, resolve))
  },
  answer: (word, how) => void words.set(word, how),
}

const home = join(folder!, 'home')
const books = openBooks({
  ledger: sqlLedger({
    database: openDatabase(join(folder!, 'quota.sqlite')),
    self: markOf(process.pid),
    isAlive,
  }),
  measure: () => measure(home),
  limitsOf: async () => ({ bytes: Number(limit), files: Number(files) }),
  siblings,
  clock: systemClock,
})

process.on('message', async (message: ToProcess) => {
  if ('count' in message) others = message.count
  else if ('answered' in message) {
    waiting.get(message.answered)?.(message.answers)
    waiting.delete(message.answered)
  } else if ('ask' in message)
    say({ answer: message.ask, value: await words.get(message.word)?.(message.data) })
  else if ('usage' in message) {
    const { used, reserved, files } = await books.usage('ada')
    say({ usage: { used, reserved, files } })
  } else say({ done: true, ...(await work(message.work, message.operations)) })
})
process.on('disconnect', () => process.exit())

async function work(seed: number, operations: number): Promise<{ written: number; refused: number }> {
  const book = await books.open('ada')
  const inodes = new Inodes()
  book.onCount(() => inodes.unseenBytes)
  const vfs = metered(openLocal(home), { book, inodes, refusals: new Refusals(systemClock) })
  const random = randomFrom(seed)
  const open: FileHandle[] = []
  const path = () => virtualPath(`/${process.pid}-${random(12)}`)
  let [written, refused] = [0, 0]
  const operate = async (): Promise<void> => {
    const handle = open[random(open.length || 1)]
    const data = [new Uint8Array(random(30_000))]
    const what = random(10)
    if (what < 2) open.push(await vfs.open(path(), { write: true, create: true, truncate: random(3) === 0 }))
    else if (what < 6 && handle !== undefined) {
      await handle.write(data, random(60_000))
      written += 1
    } else if (what === 6) await vfs.unlink(path())
    else if (what === 7) await vfs.rename(path(), path(), { replace: true })
    else if (what === 8) await vfs.setstat(path(), { size: random(100_000) })
    else if (handle !== undefined) await open.splice(open.indexOf(handle), 1)[0]!.close()
  }
  for (let turn = 0; turn < operations; turn++) {
    try {
      await operate()
    } catch (error) {
      if (!isOpError(error)) throw error
      if (error.code === 'EDQUOT') refused += 1
    }
    if (turn % 16 === 15) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  for (const handle of open) await handle.close()
  return { written, refused }
}

await books.open('ada')
say({ ready: true })
