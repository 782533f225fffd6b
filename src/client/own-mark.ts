import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'

/** Tells this person at this machine from others, in names that all of them might give at one server. */
export function ownMark(): string {
  return createHash('md5').update(`${hostname()} ${machine()} ${userInfo().uid}`).digest('hex').slice(0, 8)
}

/** machine-id(5), where there is one: many have one host name. */
function machine(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8')
  } catch {
    return ''
  }
}
