/** A string of SSH (RFC 4251 §5), with any length in front of it. */
export function string(text: string | Buffer, length = text.length): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(length >>> 0)
  return Buffer.concat([head, Buffer.from(text as string, 'latin1')])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** A packet in clear (RFC 4253 §6): a multiple of 8 bytes, at least 4 of them padding. */
export function packet(payload: Buffer): Buffer {
  const padding = 4 + ((15 - ((8 + payload.length) % 8)) % 8)
  return Buffer.concat([
    uint32(1 + payload.length + padding),
    Buffer.from([padding]),
    payload,
    Buffer.alloc(padding),
  ])
}

/** An honest KEXINIT (RFC 4253 §7.1). */
export function kexinit(cookie: Buffer = Buffer.alloc(16)): Buffer {
  const lists = [
    'curve25519-sha256',
    'ssh-ed25519',
    'aes128-ctr',
    'aes128-ctr',
    'hmac-sha2-256',
    'hmac-sha2-256',
  ]
  return Buffer.concat([
    Buffer.from([20]),
    cookie,
    ...[...lists, 'none', 'none', '', ''].map((list) => string(list)),
    Buffer.from([0, 0, 0, 0, 0]),
  ])
}
