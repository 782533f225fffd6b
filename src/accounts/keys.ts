import { createHash } from 'node:crypto'
import { OpError } from '../base/error.ts'
import type { PublicKey } from './account.ts'

const TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
])
const MOST_LINE = 16 * 1024
/** Shortest RSA modulus taken, in bits. */
const LEAST_RSA = 2048

/** The keys of an account, as lines `type base64 comment` (sshd(8), AUTHORIZED_KEYS FILE FORMAT; options are refused). EINVAL. */
export function parseKeyLine(line: string): {
  readonly key: PublicKey
  readonly comment: string
  readonly line: string
} {
  const [type = '', text = '', ...rest] = line.trim().split(/\s+/)
  if (line.length > MOST_LINE) throw new OpError('EINVAL', 'That line is too long to be a public key')
  if (/PRIVATE KEY/.test(line))
    throw new OpError('EINVAL', 'That is a private key: give the public one, the file that ends in ".pub"')
  if (!TYPES.has(type)) {
    throw new OpError(
      'EINVAL',
      'That is not a public key: it begins with ssh-ed25519, ssh-rsa or ecdsa-sha2-…, without options before it',
    )
  }
  const blob = Buffer.from(text, 'base64')
  if (!wellFormed(blob, type) || blob.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) {
    throw new OpError('EINVAL', 'That public key is damaged: copy the whole line of the ".pub" file')
  }
  if (type === 'ssh-rsa' && rsaBits(blob) < LEAST_RSA) {
    throw new OpError(
      'EINVAL',
      `That RSA key is too short: use one of ${LEAST_RSA} bits or more, or better ed25519`,
    )
  }
  const comment = rest
    .join(' ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
  return { key: { type, blob }, comment, line: [type, blob.toString('base64'), comment].join(' ').trim() }
}

/** As OpenSSH prints it: SHA256:base64 without padding. */
export function fingerprintOf(key: PublicKey): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '')}`
}

/** Whether one of the lines is this key. */
export function holdsKey(lines: readonly string[], key: PublicKey): boolean {
  const wanted = Buffer.from(key.blob).toString('base64')
  return lines.some((line) => {
    const [type, text] = line.split(' ')
    return type === key.type && text === wanted
  })
}

/** Strings one after the other, to the very end, of which the first is the type (RFC 4253 §6.6). */
function wellFormed(blob: Buffer, type: string): boolean {
  let at = 0
  for (let index = 0; at < blob.length; index++) {
    if (blob.length - at < 4) return false
    const length = blob.readUInt32BE(at)
    if (length > blob.length - at - 4) return false
    if (index === 0 && blob.toString('latin1', at + 4, at + 4 + length) !== type) return false
    at += 4 + length
  }
  return at > 0
}

function rsaBits(blob: Buffer): number {
  const exponent = 4 + blob.readUInt32BE(0)
  const modulus = exponent + 4 + blob.readUInt32BE(exponent)
  if (modulus + 4 > blob.length) return 0
  const bytes = blob.subarray(modulus + 4)
  return bytes[0] === 0 ? (bytes.length - 1) * 8 : bytes.length * 8
}
