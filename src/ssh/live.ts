import type { Identity, Origin } from '../accounts/account.ts'

/** A connection that is logged in. */
export interface LiveConnection {
  readonly id: string
  readonly identity: Identity
  readonly origin: Origin
  /** ms since 1970. */
  readonly since: number
  /** 'subsystem sftp', 'shell', 'exec' of the channels now open. */
  readonly kinds: () => readonly string[]
  /** Its sessions are told `why`: a sentence. */
  end(why: string): void
}

/** The connections now logged in. */
export interface Live {
  add(connection: LiveConnection): Disposable
  list(): readonly LiveConnection[]
  /** Ends those of an account, which are told `why`. */
  end(account: string, why: string): void
}

export function openLive(): Live {
  const connections = new Set<LiveConnection>()
  return {
    add(connection) {
      connections.add(connection)
      return { [Symbol.dispose]: () => void connections.delete(connection) }
    },
    list: () => [...connections],
    end(account, why) {
      for (const connection of [...connections])
        if (connection.identity.account === account) connection.end(why)
    },
  }
}
