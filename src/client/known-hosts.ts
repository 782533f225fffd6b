import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OpError } from '../base/error.ts'
import { errnoOf } from '../vfs/errno.ts'
import { ownFile } from './own-file.ts'

/** What the files say of a host's key. */
export type Verdict = 'known' | 'unknown' | 'changed' | 'revoked'

export interface KnownHosts {
  /** Of the key `blob` (RFC 4253 §6.6) that `host` showed. */
  check(host: string, port: number, blob: Uint8Array): Verdict
  /** Key types on record for the host: to be asked for first, so that a second key does not look like a changed one. */
  types(host: string, port: number): readonly string[]
  /** The file and line, from 1, that a changed key disagrees with. */
  conflict(
    host: string,
    port: number,
    blob: Uint8Array,
  ): { readonly file: string; readonly line: number } | undefined
  /** Writes the key into the first of the user's files; without one, or where it cannot be written (an error of Node's), it is known until this process ends. */
  remember(host: string, port: number, blob: Uint8Array): Promise<void>
}

/** Reads files in OpenSSH's format (sshd(8), SSH_KNOWN_HOSTS): hashed names, patterns, `[host]:port`, @revoked. A missing file is empty. `global`: files that are only read. EACCES. */
export async function openKnownHosts(
  files: readonly string[],
  { global = [], hashes = false }: { readonly global?: readonly string[]; readonly hashes?: boolean } = {},
): Promise<KnownHosts> {
  const lines: Line[] = []
  for (const file of [...files, ...global]) lines.push(...parse(file, await textOf(file)))
  const of = (host: string, port: number): readonly Line[] =>
    lines.filter((line) => matches(line.names, hostName(host, port)))

  return {
    check(host, port, blob) {
      const key = Buffer.from(blob).toString('base64')
      const mine = of(host, port)
      if (mine.some((line) => line.revoked && line.key === key)) return 'revoked'
      const plain = mine.filter((line) => !line.revoked)
      if (plain.some((line) => line.key === key)) return 'known'
      return plain.length === 0 ? 'unknown' : 'changed'
    },
    types: (host, port) => [
      ...new Set(
        of(host, port)
          .filter((line) => !line.revoked)
          .map((line) => line.type),
      ),
    ],
    conflict(host, port, blob) {
      const mine = of(host, port).filter((line) => !line.revoked)
      return mine.find((line) => line.type === keyType(blob)) ?? mine[0]
    },
    async remember(host, port, blob) {
      const file = files[0]
      const name = hostName(host, port)
      const line = `${hashes ? hashed(name) : name} ${keyType(blob)} ${Buffer.from(blob).toString('base64')}\n`
      lines.push(...parse(file ?? '', line))
      if (file === undefined) return
      const before = await textOf(file)
      const text = `${before === '' || before.endsWith('\n') ? '' : '\n'}${line}`
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await appendFile(file, text, { mode: 0o600 })
    },
  }
}

/** As OpenSSH prints it: SHA256:base64 without padding. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The type a key says it has: the first string of its blob; '' when there is none. */
export function keyType(blob: Uint8Array): string {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength)
  if (bytes.length < 4) return ''
  const length = bytes.readUInt32BE(0)
  return length > 64 || length + 4 > bytes.length ? '' : bytes.toString('latin1', 4, 4 + length)
}

interface Line {
  readonly file: string
  readonly line: number
  readonly names: string
  readonly type: string
  readonly key: string
  readonly revoked: boolean
}

function parse(file: string, text: string): Line[] {
  const found: Line[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const words = raw.trim().split(/\s+/)
    if (words[0] === '' || words[0]!.startsWith('#')) continue
    const marker = words[0]!.startsWith('@') ? words.shift() : undefined
    const [names, type, key] = words
    // A certificate authority's key is not a host's key.
    if (names === undefined || type === undefined || key === undefined || marker === '@cert-authority')
      continue
    found.push({ file, line: index + 1, names, type, key, revoked: marker === '@revoked' })
  }
  return found
}

function hostName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/** A negated pattern that fits takes the whole line away. */
function matches(names: string, name: string): boolean {
  if (names.startsWith('|1|')) return matchesHash(names, name)
  let fits = false
  for (const pattern of names.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!')
    if (!wildcard(negated ? pattern.slice(1) : pattern).test(name)) continue
    if (negated) return false
    fits = true
  }
  return fits
}

/** `*` and `?`, as OpenSSH's patterns (ssh_config(5), PATTERNS). */
export function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}

/** `|1|salt|hash`: HMAC-SHA1 of the name under the salt. */
function matchesHash(names: string, name: string): boolean {
  const [, , salt, hash] = names.split('|')
  if (!salt || !hash) return false
  const wanted = Buffer.from(hash, 'base64')
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return wanted.length === made.length && timingSafeEqual(wanted, made)
}

/** The name so that the file does not tell where its owner goes (HashKnownHosts). */
function hashed(name: string): string {
  const salt = randomBytes(20)
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

async function textOf(file: string): Promise<string> {
  try {
    return (await ownFile(file)).toString()
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return ''
    throw new OpError(
      'EACCES',
      `The known hosts in "${file}" cannot be read (${errno ?? 'unknown'}): mend that, or name another file with -o UserKnownHostsFile=FILE`,
      { cause: error },
    )
  }
}
