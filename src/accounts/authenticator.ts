import type { Audit } from '../base/audit.ts'
import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import type { Account, Authenticator, Origin } from './account.ts'
import type { Guard } from './guard.ts'
import { holdsKey } from './keys.ts'
import type { Passwords } from './password.ts'
import { isAccountName } from './rules.ts'
import type { SecondSteps } from './second-step.ts'
import { whyNot } from './standing.ts'
import type { AccountStore } from './store.ts'

export interface AuthenticatorParts {
  readonly accounts: AccountStore
  readonly passwords: Passwords
  readonly guard: Guard
  readonly codes: Pick<SecondSteps, 'has' | 'check'>
  readonly clock: Clock
  readonly audit: Audit
}

/** Longest piece of a name that is written down. */
const MOST_NAME = 64

/** Lets in who shows a password or has proved to hold a key of an account that may log in now and from there. */
export function authenticatorOver({
  accounts,
  passwords,
  guard,
  codes,
  clock,
  audit,
}: AuthenticatorParts): Authenticator {
  /** What a stranger calls himself may be anything. */
  const record = (
    event: 'login accepted' | 'login refused',
    name: string,
    { address }: Origin,
    method: string,
  ): void => audit.record({ event, account: escapeText(name.slice(0, MOST_NAME)), address, method })

  /** The account if it may log in; what is no name is not even looked for. */
  async function account(name: string, origin: Origin): Promise<Account | undefined> {
    const found = isAccountName(name) ? await accounts.get(name) : undefined
    return whyNot(found, origin.address, clock.now()) === undefined ? found : undefined
  }

  return {
    async offered(name, key, origin) {
      const found = await account(name, origin)
      return found !== undefined && holdsKey(found.keys, key)
    },
    async verify(name, credential, origin) {
      const wait = await guard.delay(origin.address)
      if (wait > 0) await clock.sleep(wait)
      const found = await account(name, origin)
      const good =
        credential.method === 'publickey'
          ? found !== undefined && holdsKey(found.keys, credential.key)
          : await passwords.check(credential.password, found?.password)
      // A connection that was open when its address was banned gets no further than others.
      if (found !== undefined && good && guard.banned(origin.address) === undefined) {
        // Of who has the password only, the guesses of codes must go on counting.
        if (!(await codes.has(found.name))) {
          await guard.forgive(origin.address)
          record('login accepted', found.name, origin, credential.method)
        }
        return { account: found.name, role: found.role, by: credential.method }
      }
      const known = isAccountName(name) && (await accounts.get(name)) !== undefined
      record('login refused', name, origin, credential.method)
      await guard.record(origin.address, known ? 'wrong password' : 'unknown user')
      throw new OpError('EACCES', 'Permission denied')
    },
    second: {
      needed: ({ account: name }) => codes.has(name),
      async verify({ account: name, by }, code, origin) {
        const wait = await guard.delay(origin.address)
        if (wait > 0) await clock.sleep(wait)
        const may = (await account(name, origin)) !== undefined && guard.banned(origin.address) === undefined
        if (may && (await codes.check(name, code))) {
          await guard.forgive(origin.address)
          return record('login accepted', name, origin, `${by}, one-time code`)
        }
        record('login refused', name, origin, `${by}, one-time code`)
        await guard.record(origin.address, 'wrong password')
        throw new OpError('EACCES', 'Permission denied')
      },
    },
  }
}
