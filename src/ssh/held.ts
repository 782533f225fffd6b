/** What an account may hold however much others do, in bytes: so nobody keeps another from being served. */
const LEAST = 4 * 1024 * 1024
/** Input of a connection that is read in any case, in bytes: a packet of SFTP whose end is not read would wait for ever. */
const LEAST_INPUT = 320 * 1024

/**
 * The memory that clients make this process hold: what was made for them and their sockets did not take yet, and what
 * they sent that is not dealt with. An account may hold as much as it leaves free for all others: half of the whole when
 * it is alone. One that holds more is served no further until its clients have read, and what they ask stays in their sockets;
 * but a connection whose client has taken all goes on, a piece of memory at a time: it need not wait for others of its account.
 */
export interface HeldMemory {
  /** One connection of an account. */
  connection(account: string): Held
}

export interface Held {
  /** The account holds more than it may, and this connection some of it: make nothing more for it. */
  readonly isOver: boolean
  take(bytes: number): void
  give(bytes: number): void
  /** Input came; it is held until it is dealt with. */
  came(bytes: number): void
  dealt(bytes: number): void
  /** Calls `go` when that is over. */
  wait(go: () => void): void
  /** `go` is called no more. */
  forget(go: () => void): void
  /** Whether more may be read of it. If not, `go` is called when it may. */
  mayBring(go: () => void): boolean
  /** It is no more: all that it held is given back. */
  close(): void
}

/** For whoever has nobody to be fair to. */
export const UNCOUNTED: Held = {
  isOver: false,
  take() {},
  give() {},
  came() {},
  dealt() {},
  wait() {},
  forget() {},
  mayBring: () => true,
  close() {},
}

interface Holder {
  bytes: number
  connections: number
  /** Whom to call, and whether it still has to wait; in the order in which they came. */
  readonly waiting: Map<() => void, () => boolean>
}

/** `most`: bytes for all together. */
export function heldMemory(most: () => number): HeldMemory {
  const holders = new Map<string, Holder>()
  const waiting = new Set<Holder>()
  let total = 0
  let wakes = false

  const isOver = ({ bytes }: Holder): boolean => bytes > LEAST && bytes > most() - total

  /** Once a turn of the loop, however much is given back in it. */
  const wakeLater = (): void => {
    if (wakes || waiting.size === 0) return
    wakes = true
    setImmediate(() => {
      wakes = false
      for (const holder of [...waiting]) wake(holder)
    })
  }
  const wake = (holder: Holder): void => {
    for (const [go, waits] of [...holder.waiting]) {
      if (waits()) continue
      forget(holder, go)
      go()
    }
  }
  const forget = (holder: Holder, go: () => void): void => {
    holder.waiting.delete(go)
    if (holder.waiting.size === 0) waiting.delete(holder)
  }
  const join = (account: string): Holder => {
    const holder = holders.get(account) ?? { bytes: 0, connections: 0, waiting: new Map() }
    holder.connections += 1
    holders.set(account, holder)
    return holder
  }
  const leave = (account: string, holder: Holder): void => {
    holder.connections -= 1
    if (holder.connections === 0) holders.delete(account)
  }

  return {
    connection(account) {
      const holder = join(account)
      let output = 0
      let input = 0
      let isClosed = false
      let goOn: (() => void) | undefined

      const add = (count: number): void => {
        holder.bytes += count
        total += count
        if (count < 0) wakeLater()
      }
      // What its socket takes behind its end was given back with it.
      const put = (count: number): void => {
        if (isClosed) return
        output += count
        add(count)
      }
      const bring = (count: number): void => {
        if (isClosed) return
        input += count
        add(count)
      }
      const isFull = (): boolean => output > 0 && isOver(holder)
      const wait = (go: () => void, waits: () => boolean): void => {
        if (isClosed) return
        holder.waiting.set(go, waits)
        waiting.add(holder)
      }

      return {
        get isOver() {
          return isFull()
        },
        take: put,
        give: (count) => put(-count),
        came: bring,
        dealt(count) {
          bring(-count)
          if (goOn === undefined || input > LEAST_INPUT) return
          const go = goOn
          goOn = undefined
          forget(holder, go)
          go()
        },
        wait: (go) => wait(go, isFull),
        forget: (go) => forget(holder, go),
        mayBring(go) {
          if (input <= LEAST_INPUT || !isOver(holder)) return true
          goOn = go
          wait(go, () => isOver(holder))
          return false
        },
        close() {
          if (isClosed) return
          add(-output - input)
          isClosed = true
          if (goOn !== undefined) forget(holder, goOn)
          leave(account, holder)
        },
      }
    },
  }
}
