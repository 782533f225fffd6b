import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import type { Account, PublicKey } from './account.ts'

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
  const whole = blob.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  const parsed = whole ? keyObject(blob, type) : undefined
  if (parsed === undefined)
    throw new OpError('EINVAL', 'That public key is damaged: copy the whole line of the ".pub" file')
  const bits = parsed.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < LEAST_RSA) {
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

export interface KeyInfo {
  readonly type: string
  readonly fingerprint: string
  readonly comment: string
}

/** A line that is stored; whether it would still be taken is not asked. */
export function keyInfo(line: string): KeyInfo {
  const [type = '', text = '', ...comment] = line.split(' ')
  const fingerprint = fingerprintOf({ type, blob: Buffer.from(text, 'base64') })
  return { type, fingerprint, comment: comment.join(' ') }
}

/** ENOENT, and EINVAL when `which` is more than one of the account's keys. */
export function keyCalled({ name, keys }: Pick<Account, 'name' | 'keys'>, which: string): string {
  const found = keys.filter((key) => keyInfo(key).fingerprint === which || keyInfo(key).comment === which)
  if (found.length === 0)
    throw new OpError('ENOENT', `"${name}" has no key "${escapeText(which)}": see key list ${name}`)
  if (found.length > 1)
    throw new OpError('EINVAL', `"${escapeText(which)}" is more than one key: name its fingerprint`)
  return found[0]!
}

export function sameKey(one: string, other: string): boolean {
  return one.split(' ')[1] === other.split(' ')[1]
}

/** Whether one of the lines is this key. */
export function holdsKey(lines: readonly string[], key: PublicKey): boolean {
  const wanted = Buffer.from(key.blob).toString('base64')
  return lines.some((line) => {
    const [type, text] = line.split(' ')
    return type === key.type && text === wanted
  })
}

/** The key that is in `blob` (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4); undefined where it is none that signatures can be checked with. */
function keyObject(blob: Buffer, type: string): KeyObject | undefined {
  const [name, ...fields] = stringsIn(blob)
  if (name?.toString('latin1') !== type) return undefined
  const jwk = jwkOf(type, fields)
  if (jwk === undefined) return undefined
  try {
    return createPublicKey({ format: 'jwk', key: jwk })
  } catch {
    return undefined // OpenSSL makes none of it: a point on no curve, a modulus of nothing.
  }
}

/** The strings one after the other, to the very end; none when they do not come out even. */
function stringsIn(blob: Buffer): readonly Buffer[] {
  const strings: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    if (blob.length - at < 4) return []
    const length = blob.readUInt32BE(at)
    at += 4
    if (length > blob.length - at) return []
    strings.push(blob.subarray(at, at + length))
    at += length
  }
  return strings
}

const CURVES: Readonly<Record<string, string>> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' }

/** The key's fields under the names that Node has for them (RFC 7517). */
function jwkOf(type: string, fields: readonly Buffer[]): JsonWebKey | undefined {
  if (type === 'ssh-ed25519') {
    const [x] = fields
    return fields.length === 1 && x ? { kty: 'OKP', crv: 'Ed25519', x: base64url(x) } : undefined
  }
  const [first, second] = fields
  if (fields.length !== 2 || !first || !second) return undefined
  if (type === 'ssh-rsa') return { kty: 'RSA', e: base64url(first), n: base64url(second) }
  const curve = first.toString('latin1')
  const half = (second.length - 1) / 2
  // Uncompressed: 4, x, y.
  if (type !== `ecdsa-sha2-${curve}` || second[0] !== 4 || !Number.isInteger(half)) return undefined
  const [x, y] = [second.subarray(1, 1 + half), second.subarray(1 + half)]
  return { kty: 'EC', crv: CURVES[curve]!, x: base64url(x), y: base64url(y) }
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url')
}
