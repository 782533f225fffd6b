import { createRequire } from 'node:module'
import type { OnPayload } from '../peer.ts'
import { randomPadding } from './padding.ts'
import { type Cipher, PACKET_HEAD, sealOver } from './seal.ts'

/** The version whose inside we know. */
const KNOWN = '1.17.0'

const require = createRequire(import.meta.url)

/**
 * Why the fast data path cannot be taken here, for the log; undefined when it can. It leans on the inside of ssh2,
 * so what it leans on is tried: fields are looked for, and a packet is sealed by us and opened by ssh2 with a cipher
 * of each kind.
 */
export function whyNotFast(): string | undefined {
  try {
    const { version } = require('ssh2/package.json') as { readonly version: string }
    if (version !== KNOWN) return `ssh2 is ${version}, and ${KNOWN} is known`
    const crypto = require('ssh2/lib/protocol/crypto.js') as CryptoInside
    if (!crypto.bindingAvailable) return 'the native addon of ssh2 is missing'
    return (
      strangeProtocol() ?? KINDS.map((kind) => strangeCipher(crypto, kind)).find((why) => why !== undefined)
    )
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function strangeProtocol(): string | undefined {
  const Protocol = require('ssh2/lib/protocol/Protocol.js') as new (config: object) => Record<string, unknown>
  const nothing = (): void => {}
  const protocol = new Protocol({ server: true, hostKeys: {}, onWrite: nothing, onError: nothing })
  const kinds = {
    _onPayload: 'function',
    _onPacket: 'function',
    _onWrite: 'function',
    _destruct: 'function',
    _cipher: 'object',
    _handlers: 'object',
    _packetRW: 'object',
  }
  const strange = Object.entries(kinds).find(([field, kind]) => typeof protocol[field] !== kind)
  const missing = ['_kexinit', '_decipher'].find((field) => !(field in protocol))
  return strange || missing ? `ssh2's Protocol has another ${strange?.[0] ?? missing}` : undefined
}

const KINDS = [
  { cipher: 'aes128-gcm@openssh.com', mac: undefined },
  { cipher: 'chacha20-poly1305@openssh.com', mac: undefined },
  { cipher: 'aes256-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
  { cipher: 'aes256-ctr', mac: 'hmac-sha2-512' },
] as const

/** Seals a packet and has ssh2 open it again. */
function strangeCipher(
  crypto: CryptoInside,
  { cipher: name, mac }: (typeof KINDS)[number],
): string | undefined {
  const info = crypto.CIPHER_INFO[name]!
  const macInfo = mac && crypto.MAC_INFO[mac]!
  const key = Buffer.alloc(info.keyLen, 1)
  const iv = Buffer.alloc(info.ivLen, 2)
  const macKey = macInfo && Buffer.alloc(macInfo.len, 3)
  const payload = Buffer.from('of a packet')
  let opened: Buffer | undefined
  const decipher = crypto.createDecipher({
    inbound: {
      seqno: 0,
      decipherInfo: info,
      decipherKey: key,
      decipherIV: iv,
      macInfo,
      macKey,
      onPayload: (bytes) => {
        opened = bytes
      },
    },
  })
  const cipher = crypto.createCipher({
    outbound: {
      seqno: 0,
      cipherInfo: info,
      cipherKey: key,
      cipherIV: iv,
      macInfo,
      macKey,
      onWrite: () => {},
    },
  })
  const seal = sealOver(cipher, randomPadding())
  const packet = Buffer.alloc(seal.sizeOf(payload.length))
  packet.set(payload, PACKET_HEAD)
  seal.seal(packet, 0, payload.length)
  decipher.decrypt(packet, 0, packet.length)
  return opened?.equals(payload) ? undefined : `ssh2 does not open what is sealed with ${name}`
}

interface CryptoInside {
  readonly bindingAvailable: boolean
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number; readonly ivLen: number }>>
  readonly MAC_INFO: Readonly<Record<string, { readonly len: number }>>
  createCipher(config: object): Cipher
  createDecipher(config: { readonly inbound: { readonly onPayload: OnPayload } & Record<string, unknown> }): {
    decrypt(bytes: Buffer, from: number, to: number): unknown
  }
}
