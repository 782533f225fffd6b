import { createRequire } from 'node:module'
import type { Cipher } from '../../src/ssh/fast/seal.ts'
import type { OnPayload } from '../../src/ssh/peer.ts'

export interface Decipher {
  _onPayload: OnPayload
  _packet: Uint8Array | null
  decrypt(bytes: Buffer, from: number, to: number): unknown
}

/** Both ends of ssh2's ciphers under one key, each pair from its first packet. */
export function cipherPair(
  name: string,
  mac?: string,
): { readonly cipher: Cipher; readonly decipher: Decipher } {
  const { CIPHER_INFO, MAC_INFO, createCipher, createDecipher } = createRequire(import.meta.url)(
    'ssh2/lib/protocol/crypto.js',
  )
  const info = CIPHER_INFO[name]
  const macInfo = mac && MAC_INFO[mac]
  const keys = {
    cipherKey: Buffer.alloc(info.keyLen, 1),
    cipherIV: Buffer.alloc(info.ivLen, 2),
    decipherKey: Buffer.alloc(info.keyLen, 1),
    decipherIV: Buffer.alloc(info.ivLen, 2),
    macInfo,
    macKey: macInfo && Buffer.alloc(macInfo.len, 3),
    seqno: 0,
  }
  return {
    cipher: createCipher({ outbound: { ...keys, cipherInfo: info, onWrite: () => {} } }),
    decipher: createDecipher({ inbound: { ...keys, decipherInfo: info, onPayload: () => {} } }),
  }
}
