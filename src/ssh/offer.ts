import type { AlgorithmLists } from './algorithm-lists.ts'
import { fastestCiphers } from './cipher-choice.ts'
import type { Offer } from './hybrid-exchange.ts'
import { HYBRID } from './mlkem.ts'

/** What everybody is offered, best first; the hybrid exchange is put before these (security). */
export const STRICT = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  hostKeys: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
  ciphers: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ],
  macs: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
} satisfies Offer

/** What is offered behind that where a client has none of it (ADR 15). */
const OLDER = {
  kex: ['ecdh-sha2-nistp256'],
  macs: ['hmac-sha2-256', 'hmac-sha2-512'],
}
const OLDER_KEY = /^ecdsa-/

/**
 * What a client with these lists is offered; undefined: they did not come in time. `keys`: the types that we have host
 * keys of. `choosing`: the quickest cipher that it names, alone.
 */
export function offerFor(
  lists: AlgorithmLists | undefined,
  keys: readonly string[],
  choosing: boolean,
): Offer {
  const { kex, ciphers, macs } = STRICT
  const hostKeys = keys.filter((name) => STRICT.hostKeys.includes(name))
  if (lists === undefined) return { kex, hostKeys, ciphers, macs }
  return {
    kex: lists.kex.some((name) => name === HYBRID || kex.includes(name)) ? kex : [...kex, ...OLDER.kex],
    hostKeys: lists.hostKeys.some((name) => hostKeys.includes(name))
      ? hostKeys
      : [...hostKeys, ...keys.filter((name) => OLDER_KEY.test(name))],
    ciphers: (choosing ? fastestCiphers(lists) : undefined) ?? ciphers,
    macs: needsPlainMacs(lists) ? [...macs, ...OLDER.macs] : macs,
  }
}

/** The cipher brings its own MAC. */
const AUTHENTICATED = /-gcm@openssh\.com$|^chacha20-poly1305@openssh\.com$/
const ETM = /-etm@openssh\.com$/

/** In one direction at least there is nothing better than a MAC over the plain text: libssh2 before 1.11, old WinSCP. */
function needsPlainMacs({ ciphers, macs }: AlgorithmLists): boolean {
  return macs.some((list, at) => !list.some((mac) => ETM.test(mac)) && !ciphers[at]!.some(isAuthenticated))
}

function isAuthenticated(cipher: string): boolean {
  return AUTHENTICATED.test(cipher)
}
