import { isDeepStrictEqual } from 'node:util'
import type { Facts } from '../base/audit.ts'
import type { Account } from './account.ts'
import { keyInfo } from './keys.ts'

/** A record without its secrets. */
export function factsOf({ password, keys, version, changedBy, ...rest }: Account): Facts {
  return {
    ...rest,
    password: password !== undefined,
    keys: keys.map((line) => keyInfo(line).fingerprint),
  }
}

/** What changed, as it was and as it is. */
export function difference(
  before: Account,
  after: Account,
): { readonly before: Facts; readonly after: Facts } {
  const [was, is] = [factsOf(before), factsOf(after)]
  const names = Object.keys(is).filter((name) => !isDeepStrictEqual(was[name], is[name]))
  const pick = (facts: Facts): Facts => Object.fromEntries(names.map((name) => [name, facts[name]]))
  return { before: pick(was), after: pick(is) }
}
