import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
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
  readonly codes: SecondSteps
  readonly clock: Clock
}

/** Lets in who shows a password or has proved to hold a key of an account that may log in now and from there. */
export function authenticatorOver({
  accounts,
  passwords,
  guard,
  codes,
  clock,
}: AuthenticatorParts): Authenticator {
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
      const wait = guard.delay(origin.address)
      if (wait > 0) await clock.sleep(wait)
      const found = await account(name, origin)
      const good =
        credential.method === 'publickey'
          ? found !== undefined && holdsKey(found.keys, credential.key)
          : await passwords.check(credential.password, found?.password)
      if (found !== undefined && good) {
        // Of who has the password only, the guesses of codes must go on counting.
        if (!(await codes.has(found.name))) guard.forgive(origin.address)
        return { account: found.name, role: found.role, by: credential.method }
      }
      const known = isAccountName(name) && (await accounts.get(name)) !== undefined
      await guard.record(origin.address, known ? 'wrong password' : 'unknown user')
      throw new OpError('EACCES', 'Permission denied')
    },
    second: {
      needed: ({ account: name }) => codes.has(name),
      async verify({ account: name }, code, origin) {
        const wait = guard.delay(origin.address)
        if (wait > 0) await clock.sleep(wait)
        if ((await account(name, origin)) !== undefined && (await codes.check(name, code)))
          return guard.forgive(origin.address)
        await guard.record(origin.address, 'wrong password')
        throw new OpError('EACCES', 'Permission denied')
      },
    },
  }
}
