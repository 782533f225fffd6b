import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'

/** What lies beside its target, where the server's own folder is on another device, is named so. */
const PREFIX = '.miniftp-staged-'

/** The name of a shelved file beside its target. */
export function reservedName(id: string): string {
  return `${PREFIX}${id}`
}

/** The id of the file that bears a reserved name. */
export function idOfReserved(name: string): string {
  return name.slice(PREFIX.length)
}

/** No request can list, name or make such a name. */
export function isReserved(name: string): boolean {
  return name.startsWith(PREFIX)
}

/** Whether a name of a path (a byte string that begins with a slash) is one. */
export function holdsReserved(path: string): boolean {
  return path.includes(`/${PREFIX}`)
}

/** EACCES, the same whether anything bears the name or not. */
export function checkName(name: string): void {
  if (isReserved(name))
    throw new OpError('EACCES', `"${shown(name)}" is a name of the server's own: take another one`)
}
