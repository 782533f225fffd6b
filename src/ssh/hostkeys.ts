import { access, constants, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { OpError } from '../base/error.ts'

export interface HostKey {
  readonly type: string
  /** OpenSSH's private key format. */
  readonly secret: Buffer
  /** RFC 4253 §6.6. */
  readonly blob: Buffer
}

interface Kind {
  readonly file: string
  /** For clients that know no better. A folder that holds the others and cannot be written into goes without. */
  readonly older?: boolean
  make(): { private: string; public: string }
}

const KINDS: readonly Kind[] = [
  {
    file: 'ssh_host_ed25519_key',
    make: () => wholeEd25519(() => ssh2.utils.generateKeyPairSync('ed25519', { comment: 'miniftp' })),
  },
  {
    file: 'ssh_host_rsa_key',
    make: () => ssh2.utils.generateKeyPairSync('rsa', { bits: 3072, comment: 'miniftp' }),
  },
  {
    file: 'ssh_host_ecdsa_key',
    older: true,
    make: () => ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256, comment: 'miniftp' }),
  },
]

/** The keys in `folder`, made there (0600) where they are missing, which `made` is told. EACCES when others than the owner could read one. */
export async function openHostKeys(
  folder: string,
  made: (key: HostKey) => void = () => {},
): Promise<readonly HostKey[]> {
  await mkdir(folder, { recursive: true })
  const keys: HostKey[] = []
  for (const { file, make, older } of KINDS) {
    const path = join(folder, file)
    const found = await secretIn(path)
    if (found === undefined && older && !(await isWritable(folder))) continue
    const secret = found ?? (await madeAt(path, make))
    const parsed = ssh2.utils.parseKey(secret)
    if (parsed instanceof Error) {
      throw new OpError(
        'EINVAL',
        `"${path}" is not a private key without passphrase: remove it, and a new one is made`,
      )
    }
    const key = { type: parsed.type, secret, blob: parsed.getPublicSSH() }
    if (found === undefined) made(key)
    keys.push(key)
  }
  return keys
}

/** Bytes of an Ed25519 public key with its name (RFC 8709 §4). */
const ED25519_BLOB = 4 + 11 + 4 + 32

/** ssh2 drops a zero byte at a key's beginning, about once in 130 keys; nobody can use such a key, so another is made. */
export function wholeEd25519<T extends { readonly private: string }>(make: () => T): T {
  for (;;) {
    const pair = make()
    const parsed = ssh2.utils.parseKey(pair.private)
    if (!(parsed instanceof Error) && parsed.getPublicSSH().length === ED25519_BLOB) return pair
  }
}

async function secretIn(path: string): Promise<Buffer | undefined> {
  try {
    const found = await stat(path)
    if (found.isDirectory())
      throw new OpError('EISDIR', `"${path}" cannot be used: a folder has its name: move it away`)
    if ((found.mode & 0o077) !== 0) {
      throw new OpError(
        'EACCES',
        `Others can read the host key "${path}": run chmod 600 on it, or remove it to have a new one made`,
      )
    }
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  )
}

async function madeAt(path: string, make: Kind['make']): Promise<Buffer> {
  const pair = make()
  await writeFile(path, pair.private, { mode: 0o600, flag: 'wx' })
  await writeFile(`${path}.pub`, `${pair.public}\n`, { mode: 0o644 })
  return Buffer.from(pair.private)
}
