import type { Socket } from 'node:net'

/** Connections that have not logged in: how many there may be, and who goes when there are too many. */
export interface Strangers {
  enter(socket: Socket, address: string): void
  /** Its KEXINIT has come: it counts only against the whole. */
  spoke(socket: Socket): void
  /** It logged in. */
  leave(socket: Socket): void
  /** Whether there are any. */
  readonly any: boolean
  /** Closes them all. */
  end(): void
}

export interface StrangerLimits {
  /** In all. */
  readonly unauthenticated: number
  /** Of one address, that say nothing. */
  readonly silentPerAddress: number
  /** After so long without a KEXINIT a connection is silent, in ms. */
  readonly silentMs: number
}

/** When full, the oldest goes for the newcomer. `limits` is asked at each; `elapsed`: ms since some moment. */
export function strangers(limits: () => StrangerLimits, elapsed: () => number): Strangers {
  const all = new Map<Socket, { readonly address: string; readonly since: number; spoke: boolean }>()
  const silent = new Map<string, Set<Socket>>()

  const forget = (socket: Socket): void => {
    const entry = all.get(socket)
    if (entry === undefined) return
    all.delete(socket)
    quiet(socket, entry.address)
  }
  const age = (socket: Socket): number => {
    const entry = all.get(socket)
    return entry === undefined ? 0 : elapsed() - entry.since
  }
  const quiet = (socket: Socket, address: string): void => {
    const others = silent.get(address)
    others?.delete(socket)
    if (others?.size === 0) silent.delete(address)
  }

  return {
    enter(socket, address) {
      const { unauthenticated: most, silentPerAddress: mostSilent, silentMs } = limits()
      const others = silent.get(address) ?? new Set()
      for (const oldest of others) {
        if (others.size < mostSilent || age(oldest) < silentMs) break
        oldest.destroy()
        forget(oldest)
      }
      // Forgotten at once, as above: its end comes in a later turn, and several newcomers may come in this one.
      const oldest = all.size >= most ? all.keys().next().value : undefined
      if (oldest !== undefined) {
        oldest.destroy()
        forget(oldest)
      }
      silent.set(address, others.add(socket))
      all.set(socket, { address, since: elapsed(), spoke: false })
      socket.once('close', () => forget(socket))
    },
    spoke(socket) {
      const entry = all.get(socket)
      if (entry) quiet(socket, entry.address)
    },
    leave: forget,
    get any() {
      return all.size > 0
    },
    end() {
      for (const socket of all.keys()) socket.destroy()
    },
  }
}
