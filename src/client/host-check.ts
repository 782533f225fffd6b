import { isOpError, OpError } from '../base/error.ts'
import { errnoOf } from '../vfs/errno.ts'
import { fingerprint, type KnownHosts, keyType } from './known-hosts.ts'

/** What to do with a host that is not known (ssh_config(5), StrictHostKeyChecking). */
export type Strictness = 'ask' | 'yes' | 'accept-new' | 'no'

export interface HostCheckParts {
  readonly known: KnownHosts
  readonly strictness: Strictness
  /** Whether a person says yes; undefined when nobody can be asked. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
  readonly tell: (text: string) => void
}

/** Whether the key that `host` shows is the one it had before. EPERM with what to do when it may not be trusted. */
export async function checkHost(
  host: string,
  port: number,
  blob: Uint8Array,
  parts: HostCheckParts,
): Promise<boolean> {
  const { known, strictness, confirm, tell } = parts
  const where = port === 22 ? host : `${host}:${port}`
  const print = `${keyType(blob).replace(/^ssh-/, '')} ${fingerprint(blob)}`
  switch (known.check(host, port, blob)) {
    case 'known':
      return true
    case 'revoked':
      throw new OpError(
        'EPERM',
        `The key of "${where}" (${print}) is revoked: do not connect, ask the server's operator`,
      )
    case 'changed': {
      const line = known.conflict(host, port, blob)
      const place = line === undefined ? '' : ` (${line.file}, line ${line.line})`
      throw new OpError(
        'EPERM',
        `The key of "${where}" has changed, now ${print}. Somebody may have put himself between: ask the server's operator, and if the new key is right remove the old one${place}`,
      )
    }
    case 'unknown':
  }
  if (strictness === 'yes')
    throw new OpError('EPERM', `"${where}" is not among the known hosts, and StrictHostKeyChecking is on`)
  if (strictness === 'ask') {
    if (confirm === undefined)
      throw new OpError(
        'EPERM',
        `"${where}" is not known (${print}) and nobody can be asked: connect from a terminal first, or add -o StrictHostKeyChecking=accept-new`,
      )
    const yes = await confirm(
      `"${where}" is not known yet. Its key is ${print}\nConnect, and remember it? (yes/no) `,
    )
    if (!yes) throw new OpError('EPERM', `"${where}" was not trusted`)
  }
  try {
    await known.remember(host, port, blob)
    tell(`The key of "${where}" is remembered`)
  } catch (error) {
    // It is trusted all the same, as OpenSSH does: who connects here the next time is asked again.
    const why = isOpError(error) ? error.message : (errnoOf(error) ?? 'unknown')
    tell(`The key of "${where}" could not be remembered (${why})`)
  }
  return true
}
