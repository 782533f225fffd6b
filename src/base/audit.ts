/** Who did it, and from where: an address, or the word console. */
export interface By {
  readonly by: string
  readonly from: string
}

/** Fields of a record, as they were or as they became; of a secret, only whether there is one. */
export type Facts = Readonly<Record<string, unknown>>

/** What an admin did. Never a password or a key. */
export type AdminEvent =
  | {
      readonly event: 'account added' | 'account deleted' | 'account changed' | 'quota changed'
      readonly account: string
      readonly what?: string
      readonly before?: Facts
      readonly after?: Facts
    }
  | { readonly event: 'session ended'; readonly account: string; readonly address: string }
  | {
      readonly event: 'ban made'
      readonly address: string
      readonly until: string
      /** Connections that it ended. */
      readonly ended?: number
    }
  /** Until when it would have held. */
  | { readonly event: 'ban lifted'; readonly address: string; readonly until: string }
  | { readonly event: 'server drained' | 'server restarted' }

/** A fact that a person may be asked about later. */
export type AuditEvent =
  | (AdminEvent & By)
  /** Who has known the server by another key is told that it is an impostor. */
  | { readonly event: 'host key made'; readonly type: string; readonly fingerprint: string }
  | {
      readonly event: 'login accepted' | 'login refused'
      readonly account: string
      readonly address: string
      readonly method: string
    }

/** Written before the answer is given. */
export interface Audit {
  record(event: AuditEvent): void
}
