import { type Awaitable, then } from '../base/awaitable.ts'
import type { FileHandle, OpenFlags, VirtualPath } from '../vfs/vfs.ts'

/** A file that is open over some session now. Its byte counts move while it is. */
export interface Transfer {
  readonly account: string
  /** The session's id. */
  readonly session: string
  readonly path: VirtualPath
  /** ms since 1970. */
  readonly since: number
  /** Bytes so far. */
  readonly read: number
  readonly written: number
  /** The size of a file that is read, in bytes: asked only by those who show it. */
  readonly size?: (() => Awaitable<number>) | undefined
}

/** The transfers now open, in the order they were opened. Written by those who hold the files, polled by those who show them. */
export interface LiveTransfers {
  /** Shown until it is disposed. */
  show(transfer: Transfer): Disposable
  of(account: string): readonly Transfer[]
  /** Those of an account that begin from now on, the ended ones too, until it is disposed: none that is quick is missed. */
  follow(account: string): Following
  all(): readonly Transfer[]
  /** Bytes since the start, of those that are over too. */
  total(): { readonly read: number; readonly written: number }
}

/** How many transfers are remembered for who follows them. */
const MOST_FOLLOWED = 256

export interface Following extends Disposable {
  seen(): readonly Transfer[]
  /** Whether it is over. */
  ended(transfer: Transfer): boolean
}

export function liveTransfers(): LiveTransfers {
  const open = new Set<Transfer>()
  const followers = new Map<Transfer[], string>()
  const over = { read: 0, written: 0 }
  const end = (transfer: Transfer): void => {
    if (!open.delete(transfer)) return
    over.read += transfer.read
    over.written += transfer.written
  }
  return {
    show(transfer) {
      open.add(transfer)
      for (const [seen, account] of followers)
        if (account === transfer.account && seen.length < MOST_FOLLOWED) seen.push(transfer)
      return new Shown(transfer, end)
    },
    of: (account) => [...open].filter((transfer) => transfer.account === account),
    follow(account) {
      const seen: Transfer[] = []
      followers.set(seen, account)
      return {
        seen: () => seen,
        ended: (transfer) => !open.has(transfer),
        [Symbol.dispose]: () => void followers.delete(seen),
      }
    },
    all: () => [...open],
    total: () =>
      [...open].reduce(
        (sum, { read, written }) => ({ read: sum.read + read, written: sum.written + written }),
        over,
      ),
  }
}

/** A class: V8 defines a computed name in an object literal by a call, for each object. */
class Shown implements Disposable {
  readonly #transfer: Transfer
  readonly #end: (transfer: Transfer) => void

  constructor(transfer: Transfer, end: (transfer: Transfer) => void) {
    this.#transfer = transfer
    this.#end = end
  }

  [Symbol.dispose](): void {
    this.#end(this.#transfer)
  }
}

/** How a file came to its end, in the log's words. */
export type FileEnd = 'close' | 'close failed' | 'forced close'

/** A file that is shown among the transfers until its end: for sessions that have no table of handles. `ended` is told of that, once. */
export function followed(
  file: FileHandle,
  facts: Pick<Transfer, 'account' | 'session' | 'path' | 'since'>,
  flags: OpenFlags,
  live: LiveTransfers | undefined,
  ended: (how: FileEnd, moved: { readonly read: number; readonly written: number }) => void = () => {},
): FileHandle {
  const transfer = { ...facts, read: 0, written: 0, size: sizeOf(file, flags) }
  const shown = live?.show(transfer)
  let over = false
  const end = (how: FileEnd): void => {
    if (over) return
    over = true
    shown?.[Symbol.dispose]()
    ended(how, transfer)
  }
  return {
    descriptor: file.descriptor,
    quick: file.quick,
    appends: file.appends,
    read: (into, offset) =>
      then(file.read(into, offset), (count) => {
        transfer.read += count
        return count
      }),
    write(data, offset) {
      let bytes = 0
      for (const part of data) bytes += part.length
      return then(file.write(data, offset), () => {
        transfer.written += bytes
      })
    },
    truncate: (size) => file.truncate(size),
    stat: () => file.stat(),
    setstat: (attrs) => file.setstat(attrs),
    sync: () => file.sync(),
    async close() {
      try {
        await file.close()
      } catch (error) {
        end('close failed')
        throw error
      }
      end('close')
    },
    async abandon() {
      try {
        await file.abandon()
      } finally {
        end('forced close')
      }
    },
  }
}

/** Of a file that is written nobody knows how large it will be. */
export function sizeOf(file: FileHandle, { write, append }: OpenFlags): Transfer['size'] {
  return write || append ? undefined : () => then(file.stat(), ({ size }) => size)
}
