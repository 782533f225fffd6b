import { OpError } from '../base/error.ts'
import type { Role } from './account.ts'

/** Who does it: an admin who is logged in, or whoever may use the server's own console. */
export interface Actor {
  readonly name: string
  readonly role: Role
  /** Its address, or `console`. */
  readonly from: string
}

/** No address: whoever says so may open the control socket or the database, and needs no account. */
export const CONSOLE_FROM = 'console'

/** As what it came in. EACCES. */
export function needsAdmin({ role }: Actor): void {
  if (role !== 'admin') throw new OpError('EACCES', 'Only an admin may do that')
}
