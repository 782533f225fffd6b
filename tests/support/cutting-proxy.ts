import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** Connections that were cut so far, and when the last was (ms since 1970). */
  readonly cuts: number
  readonly lastCut: number
  /**
   * Cuts each of the next connections after so many bytes, both ways counted. `once`: passes nothing more from there on,
   * and cuts when it resolves. What a peer has not read by the time of a cut is lost to it.
   */
  cutAfter(bytes: readonly number[], once?: () => Promise<void>): void
  /** The next connection stands still after so many bytes, both ways counted, and goes on when `until` resolves: nothing is lost. */
  holdAfter(bytes: number, until: () => Promise<void>): void
  /** Cuts what is open now. */
  cut(): void
  /** Where connections go from now on: a server that came back may have another port. */
  aim(port: number): void
}

/** Hands connections on to `target`, and cuts them off, without a word to either side, where it was told to. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const open = new Set<readonly [Socket, Socket]>()
  let aim = target
  let budgets: number[] = []
  let ready: (() => Promise<void>) | undefined
  let nextHold: { left: number; readonly until: () => Promise<void> } | undefined
  let cuts = 0
  let lastCut = 0
  const end = (pair: readonly [Socket, Socket]): void => {
    if (!open.delete(pair)) return
    for (const socket of pair) socket.resetAndDestroy()
  }
  const server = createServer((near) => {
    const far = connect({ port: aim, host: '127.0.0.1', noDelay: true })
    near.setNoDelay(true)
    const pair = [near, far] as const
    open.add(pair)
    let left = budgets.shift() ?? Number.POSITIVE_INFINITY
    const hold = nextHold
    nextHold = undefined
    let held = false
    const standStill = async (until: () => Promise<void>): Promise<void> => {
      held = true
      for (const socket of pair) socket.pause()
      await until()
      held = false
      for (const socket of pair) socket.resume()
    }
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => end(pair))
      from.on('close', () => end(pair))
      from.on('data', (bytes: Buffer) => {
        if (left <= 0) return
        const passed = bytes.subarray(0, left)
        left -= bytes.length
        if (!to.write(passed)) {
          from.pause()
          to.once('drain', () => held || from.resume())
        }
        if (hold !== undefined && hold.left > 0) {
          hold.left -= passed.length
          if (hold.left <= 0) void standStill(hold.until)
        }
        if (left > 0) return
        const cut = (): void => {
          cuts++
          lastCut = Date.now()
          end(pair)
        }
        if (ready === undefined) cut()
        else void ready().then(cut)
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts
    },
    get lastCut() {
      return lastCut
    },
    cutAfter(bytes, once) {
      budgets = [...bytes]
      ready = once
    },
    holdAfter(bytes, until) {
      nextHold = { left: bytes, until }
    },
    cut() {
      for (const pair of [...open]) {
        cuts++
        lastCut = Date.now()
        end(pair)
      }
    },
    aim(port) {
      aim = port
    },
    async [Symbol.asyncDispose]() {
      for (const pair of [...open]) end(pair)
      server.close()
    },
  }
}
