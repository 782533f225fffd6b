import type { Awaitable } from '../base/awaitable.ts'

export type Role = 'user' | 'admin'

export interface Rights {
  readonly read: boolean
  readonly write: boolean
  readonly overwrite: boolean
  readonly delete: boolean
  readonly list: boolean
  readonly mkdir: boolean
}

/** The stored record. Never mutated; changed by AccountStore.update. */
export interface Account {
  readonly name: string
  readonly role: Role
  /** PHC string of argon2id; undefined = no password login. */
  readonly password?: string
  /** authorized_keys lines, without options. */
  readonly keys: readonly string[]
  /** Bytes and number of files; null = no limit. */
  readonly quota: { readonly bytes: number | null; readonly files: number | null }
  readonly rights: Rights
  /** An admin has a home only when this is true; a user always has one. */
  readonly home: boolean
  /** ms since 1970; null = never. */
  readonly expires: number | null
  readonly disabled: boolean
  /** CIDR; empty = from everywhere. */
  readonly networks: readonly string[]
  /** null = no cap. */
  readonly sessions: number | null
  /** Bytes a second; null = no cap. */
  readonly rate: { readonly up: number | null; readonly down: number | null }
  readonly overwrite: 'staged' | 'in-place' | null
  /** A password that everybody knows (the seed's). */
  readonly demo: boolean
  /** Counts changes. */
  readonly version: number
  /** Who made the last change. */
  readonly changedBy?: string
}

/** Who a connection belongs to, once verified; never changes. Rights, expiry and quota are looked up by account when they matter. */
export interface Identity {
  readonly account: string
  readonly role: Role
  readonly by: 'password' | 'publickey' | 'keyboard-interactive'
}

/** Where a connection comes from. */
export interface Origin {
  readonly address: string
  readonly port: number
  /** The client's identification string, escaped. */
  readonly client: string
}

/** A public key as SSH carries it (RFC 4253 §6.6). */
export interface PublicKey {
  /** 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa' … : the key's own type, not the signature's. */
  readonly type: string
  readonly blob: Uint8Array
}

export type Credential =
  | { readonly method: 'password' | 'keyboard-interactive'; readonly password: string }
  /** Its signature over this connection has been checked: the caller holds the private key. */
  | { readonly method: 'publickey'; readonly key: PublicKey }

export interface Authenticator {
  /** Would this key do? Proves nothing about the caller, and changes no state. */
  offered(name: string, key: PublicKey, origin: Origin): Promise<boolean>
  /** EACCES for every reason, with one message, after about the same time. */
  verify(name: string, credential: Credential, origin: Origin): Promise<Identity>
  /** What is asked of some after that, if of anybody. */
  readonly second?: SecondStep
}

/** A one-time code after a password or a key. */
export interface SecondStep {
  needed(identity: Identity): Promise<boolean>
  /** EACCES. */
  verify(identity: Identity, code: string, origin: Origin): Promise<void>
}

/** The sessions now open; implemented by the porch, told by the actions. */
export interface LiveSessions {
  /** Ends every connection of the account, which are told `why`: a sentence. */
  end(account: string, why: string): Awaitable<void>
  /** The account's record changed: what it concerns holds for what runs now, too. */
  changed(account: Account): Awaitable<void>
}
