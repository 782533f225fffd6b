import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { newAccount } from '../../src/accounts/rules.ts'
import type { AccountStore } from '../../src/accounts/store.ts'
import { systemClock } from '../../src/base/clock.ts'
import { languageOf } from '../../src/commands/language.ts'
import { COMMANDS } from '../../src/commands/table.ts'
import { openDoor } from '../../src/door.ts'
import { isScp, scp } from '../../src/scp/scp.ts'
import { exec } from '../../src/shell/exec.ts'
import { liveTransfers } from '../../src/transfer/live.ts'
import type { FreshStore } from '../../src/vfs/fresh.ts'
import type { OpenHomes } from '../../src/vfs/home.ts'
import type { StagedFileSystem } from '../../src/vfs/staged.ts'
import { memorySession } from '../support/memory-channel.ts'
import { TinyVfs } from '../support/tiny-vfs.ts'

const DEPTH = 300
const DEEP = Array(DEPTH).fill('k').join('/')

for (const [command, before, more] of [
  [`mkdir -p ${DEEP}`, 0, DEPTH],
  ['cp -r k copy', DEPTH, DEPTH],
  [`ls k${'/*'.repeat(DEPTH - 1)}`, DEPTH, 0],
  ['rm -r k', DEPTH, -DEPTH],
  ['scp -r -f k', DEPTH, 0],
] as const)
  test(`door: others have their turn of the loop while a deep tree is gone through: ${command.slice(0, 16)}`, async () => {
    // Each request of the tree takes a millisecond.
    let requests = 0
    const tiny = new TinyVfs()
    for (let depth = 1; depth <= before; depth++) tiny.mkdir(`/${DEEP.slice(0, 2 * depth - 1)}` as never)
    const counted = new Proxy(tiny, {
      get(_, name) {
        const value = Reflect.get(tiny, name, tiny)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          requests += 1
          return value.apply(tiny, args)
        }
      },
    })
    let most = 0
    let over = false
    const others = async (): Promise<void> => {
      while (!over) {
        const seen = requests
        await turn()
        most = Math.max(most, requests - seen)
      }
    }

    const watched = others()
    const status = await ran(command, counted, () => requests).finally(() => {
      over = true
    })
    await watched

    assert.equal(status, 0)
    assert.equal([...tiny.nodes.keys()].length, 1 + before + more)
    assert.ok(requests > DEPTH, `${requests}`)
    assert.ok(most <= 20, `${most} of ${requests} requests in one turn`)
  })

/** The status of a command over exec that a session behind the door runs. */
async function ran(command: string, tree: TinyVfs, elapsed: () => number): Promise<number> {
  const account = newAccount('ada', 'user')
  const transfers = liveTransfers()
  const { open } = openDoor({
    accounts: {
      version: () => 1,
      current: async () => ({ account, version: 1 }),
    } as unknown as AccountStore,
    homes: { open: async () => tree as unknown as StagedFileSystem } as unknown as OpenHomes,
    clock: { ...systemClock, elapsed },
    transfers,
    fresh: { store: {} as unknown as FreshStore, process: 'p' },
  })
  const hash = { of: async () => new Uint8Array(), async [Symbol.asyncDispose]() {} }
  const language = languageOf(COMMANDS)
  const handler = isScp(command) ? scp({ open }) : exec({ open, language, hash, now: () => 0 })
  const { session } = memorySession()
  return handler({
    ...session,
    request: { type: 'exec', command, pty: undefined },
    channel: {
      ...session.channel,
      // What scp answers to each record, ahead of time: all is well.
      input: (async function* () {
        yield new Uint8Array(10_000)
      })(),
      write: async () => {},
      writeError: async (text) => assert.fail(String(text)),
      end() {},
      packets: () => assert.fail('no packets'),
    },
  })
}
