import { isIPv6 } from 'node:net'
import { OpError } from '../base/error.ts'

/** Where to connect; what is not said comes from ~/.ssh/config or the defaults. */
export interface Target {
  readonly user: string | undefined
  readonly host: string
  readonly port: number | undefined
}

/** A place on a server: `path` as written, relative to the login folder unless it starts with '/'. */
export interface RemotePlace extends Target {
  readonly path: string
}

/** `[user@]host[:port]`, `[user@][v6 address][:port]` or `sftp://…` without a path. EUSAGE. */
export function parseTarget(text: string): Target {
  if (text.startsWith('sftp://')) return parseUrl(text)
  const [user, rest] = splitUser(text)
  if (isIPv6(rest)) return { user, host: rest, port: undefined }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([^:]*))?$/.exec(rest)
  const host = match?.[1] ?? match?.[2]
  if (!host) throw new OpError('EUSAGE', `"${text}" is not a host: write [user@]host[:port]`)
  return { user, host, port: match?.[3] === undefined ? undefined : parsePort(match[3]) }
}

/**
 * `[user@]host:path` or `sftp://[user@]host[:port]/path`; undefined for a local file, which is what has no ':'
 * or a '/' before it, as scp tells them apart. EUSAGE for a port in front of the path.
 */
export function parsePlace(text: string): RemotePlace | undefined {
  if (text.startsWith('sftp://')) return parseUrl(text)
  const match = /^((?:[^/:[\]]*@)?(?:\[[^\]/]+\]|[^/:[\]]+)):(.*)$/s.exec(text)
  if (!match) return undefined
  const [, login, path] = match
  const port = /^(\d{1,5}):(.*)$/s.exec(path!)
  if (port)
    throw new OpError(
      'EUSAGE',
      `"${text}" has a port where the path begins: write -P ${port[1]} ${login}:${port[2]}, or ${login}:./${path} if that is its name`,
    )
  const [user, host] = splitUser(login!)
  return { user, host: host.replace(/^\[|\]$/g, ''), port: undefined, path: path! }
}

/** 1 to 65535. EUSAGE. */
export function parsePort(text: string): number {
  const port = /^[0-9]{1,6}$/.test(text) ? Number(text) : -1
  if (port < 1 || port > 65535)
    throw new OpError('EUSAGE', `"${text}" is not a port: use a number from 1 to 65535`)
  return port
}

function parseUrl(text: string): RemotePlace {
  const match = /^sftp:\/\/(?:([^@/]*)@)?(\[[^\]]+\]|[^:/]+)(?::([^/]*))?(?:\/(.*))?$/s.exec(text)
  if (!match) throw new OpError('EUSAGE', `"${text}" is not an address: write sftp://user@host:port/path`)
  const [, login, host, port, path] = match
  return {
    user: login === undefined ? undefined : decode(login.split(':')[0]!, text),
    host: host!.replace(/^\[|\]$/g, ''),
    port: port === undefined || port === '' ? undefined : parsePort(port),
    path: path === undefined || path === '' ? '' : `/${decode(path, text)}`,
  }
}

function decode(part: string, whole: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new OpError('EUSAGE', `"${whole}" has a "%" that is not followed by two hex digits`, { cause })
  }
}

/** At the last '@': account names have none, hosts neither, but who knows what a person types. */
function splitUser(text: string): [user: string | undefined, rest: string] {
  const at = text.lastIndexOf('@')
  return at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)]
}
