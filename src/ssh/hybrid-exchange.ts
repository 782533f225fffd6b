import { createRequire } from 'node:module'
import { answerHybrid, HYBRID, hybridWorks, startHybrid } from './mlkem.ts'

/**
 * Teaches one connection of ssh2 (1.17.0) the post-quantum exchange, on the server's or the client's side.
 *
 * ssh2 has no door for an exchange of one's own, and needs none for this one, which has the messages of
 * curve25519-sha256 with longer strings in them. So our KEXINIT names it first; when the two sides agree on
 * it, ssh2 is shown a KEXINIT in which it is called curve25519-sha256, and the exchange that ssh2 then makes
 * gets our keys, our secret, and for the transcript the KEXINIT as it really came.
 */
export function offerHybrid(protocol: HybridProtocol): boolean {
  if (!available()) return false
  const { lists } = protocol._offer
  const kex = [HYBRID, ...lists.kex.array]
  protocol._offer = new KexInit({ ...plainLists(lists), kex })
  let original: Buffer | undefined

  const packets = protocol._packetRW
  let reader = packets.read
  Object.defineProperty(packets, 'read', {
    get: () => reader,
    set(next: PacketReader) {
      reader = watched(next)
    },
  })
  packets.read = reader

  function watched(next: PacketReader): PacketReader {
    return {
      cleanup: () => next.cleanup(),
      read(data) {
        const payload = next.read(data)
        if (payload[0] !== KEXINIT) return payload
        const disguised = disguise(payload, kex, protocol._server)
        original = disguised && Buffer.from(payload)
        return disguised ?? payload
      },
    }
  }

  let exchange = protocol._kex
  Object.defineProperty(protocol, '_kex', {
    get: () => exchange,
    set(next: Exchange) {
      exchange = next
      if (original === undefined) return
      next._remoteKexinit = original
      next.negotiated.kex = HYBRID
      original = undefined
      if (protocol._server) answer(next)
      else ask(next)
    },
  })
  return true
}

/** `payload` with the stand-in as its only key exchange, if the two sides agree on the hybrid. */
function disguise(payload: Buffer, ours: readonly string[], server: boolean): Buffer | undefined {
  if (payload.length < LIST + 4) return undefined
  const length = payload.readUInt32BE(LIST)
  const rest = LIST + 4 + length
  if (rest > payload.length) return undefined
  const theirs = payload.toString('latin1', LIST + 4, rest).split(',')
  const [first, second] = server ? [theirs, ours] : [ours, theirs]
  if (first.find((name) => second.includes(name)) !== HYBRID) return undefined

  const names = Buffer.from([STAND_IN, ...theirs.filter((name) => MARKER.test(name))].join(','), 'latin1')
  const size = Buffer.alloc(4)
  size.writeUInt32BE(names.length)
  return Buffer.concat([payload.subarray(0, LIST), size, names, payload.subarray(rest)])
}

function answer(exchange: Exchange): void {
  let reply: Buffer | undefined
  exchange.convertPublicKey = (key) => key
  exchange.computeSecret = (init) => {
    const done = answerHybrid(init)
    reply = done?.reply
    return done?.secret ?? new Error('the key of the other side cannot be')
  }
  exchange.getPublicKey = () => reply
}

function ask(exchange: Exchange): void {
  const client = startHybrid()
  exchange.convertPublicKey = (key) => key
  exchange.getPublicKey = () => client.init
  exchange.computeSecret = (reply) => client.secret(reply) ?? new Error('the key of the other side cannot be')
}

/** Best first; ciphers and MACs alike in both directions. */
export interface Offer {
  readonly kex: readonly string[]
  readonly hostKeys: readonly string[]
  readonly ciphers: readonly string[]
  readonly macs: readonly string[]
}

/** What one connection is offered instead of what all of ssh2's server are. */
export function offerInstead(protocol: HybridProtocol, { kex, hostKeys, ciphers, macs }: Offer): void {
  const plain = plainLists(protocol._offer.lists)
  const side = (old: PlainSide): PlainSide => ({ ...old, cipher: ciphers, mac: macs })
  protocol._offer = new KexInit({
    kex: [...kex, ...plain.kex.filter((name) => MARKER.test(name))],
    serverHostKey: hostKeys,
    cs: side(plain.cs),
    sc: side(plain.sc),
  })
}

function plainLists(lists: OfferLists): PlainLists {
  const direction = (side: OfferSide) => ({
    cipher: side.cipher.array,
    mac: side.mac.array,
    compress: side.compress.array,
    lang: side.lang.array,
  })
  return {
    kex: lists.kex.array,
    serverHostKey: lists.serverHostKey.array,
    cs: direction(lists.cs),
    sc: direction(lists.sc),
  }
}

const KEXINIT = 20
/** Where the first name list starts: after the message number and the cookie (RFC 4253 §7.1). */
const LIST = 17
const STAND_IN = 'curve25519-sha256'
/** Not exchanges but signs in their list: extension info (RFC 8308), strict KEX (OpenSSH's PROTOCOL 1.10). */
const MARKER = /^(ext-info-|kex-strict-)/

let works: boolean | undefined
function available(): boolean {
  works ??= hybridWorks()
  return works
}

const { KexInit } = createRequire(import.meta.url)('ssh2/lib/protocol/kex.js') as {
  readonly KexInit: new (lists: PlainLists) => SentOffer
}

/** What we touch of ssh2's Protocol. */
export interface HybridProtocol {
  readonly _server: boolean
  _offer: SentOffer
  _kex: Exchange | undefined
  readonly _packetRW: { read: PacketReader }
}
interface PacketReader {
  read(data: Buffer): Buffer
  cleanup(): void
}
interface Exchange {
  _remoteKexinit: Buffer
  readonly negotiated: { kex: string }
  convertPublicKey(key: Buffer): Buffer
  computeSecret(other: Buffer): Buffer | Error
  getPublicKey(): Buffer | undefined
}
interface NameList {
  readonly array: readonly string[]
}
type OfferSide = Readonly<Record<'cipher' | 'mac' | 'compress' | 'lang', NameList>>
interface OfferLists {
  readonly kex: NameList
  readonly serverHostKey: NameList
  readonly cs: OfferSide
  readonly sc: OfferSide
}
interface SentOffer {
  readonly lists: OfferLists
}
type PlainSide = Readonly<Record<'cipher' | 'mac' | 'compress' | 'lang', readonly string[]>>
interface PlainLists {
  readonly kex: readonly string[]
  readonly serverHostKey: readonly string[]
  readonly cs: PlainSide
  readonly sc: PlainSide
}
