/** What the client of a connection can do, best first; ciphers and MACs for each direction. */
export interface AlgorithmLists {
  readonly kex: readonly string[]
  readonly hostKeys: readonly string[]
  readonly ciphers: readonly (readonly string[])[]
  readonly macs: readonly (readonly string[])[]
}

const KEXINIT = 20
/** packet_length, padding_length, the message's number, the cookie (RFC 4253 §6, §7.1). */
const HEAD = 4 + 1 + 1 + 16
/** kex, host keys, ciphers and MACs of both directions. */
const LISTS = 6

/**
 * The lists in the client's first packet, which is in clear (RFC 4253 §7.1). 'incomplete' while bytes are missing;
 * undefined for what is no KEXINIT.
 */
export function algorithmLists(bytes: Buffer): AlgorithmLists | 'incomplete' | undefined {
  if (bytes.length < HEAD) return 'incomplete'
  if (bytes[5] !== KEXINIT) return undefined
  const whole = 4 + bytes.readUInt32BE(0)
  if (bytes.length < whole) return 'incomplete'
  const lists: (readonly string[])[] = []
  for (let at = HEAD; lists.length < LISTS; ) {
    if (at + 4 > whole) return undefined
    const length = bytes.readUInt32BE(at)
    at += 4
    if (length > whole - at) return undefined
    lists.push(bytes.toString('latin1', at, at + length).split(','))
    at += length
  }
  return { kex: lists[0]!, hostKeys: lists[1]!, ciphers: lists.slice(2, 4), macs: lists.slice(4, 6) }
}
