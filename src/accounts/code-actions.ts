import type { AdminEvent } from '../base/audit.ts'
import { OpError } from '../base/error.ts'
import type { Lanes } from '../base/lane.ts'
import type { Account } from './account.ts'
import type { Actor } from './actor.ts'
import type { Enrolment, SecondSteps } from './second-step.ts'

export interface CodeActionsParts {
  readonly codes: SecondSteps
  readonly lanes: Lanes
  /** EACCES for who is no admin. */
  readonly allow: (actor: Actor) => Promise<void>
  /** ENOENT when there is none. */
  readonly find: (name: string) => Promise<Account>
  readonly record: (actor: Actor, event: AdminEvent) => void
}

/** What an admin may do about the one-time codes of an account. */
export function codeActionsOver({ codes, lanes, allow, find, record }: CodeActionsParts) {
  const recordCodes = (actor: Actor, account: string, has: boolean): void =>
    record(actor, {
      event: 'account changed',
      account,
      what: 'one-time codes',
      before: { codes: !has },
      after: { codes: has },
    })

  return {
    /** What an app is to be given; nothing is stored. EEXIST when the account has codes already. */
    async proposeSecondStep(actor: Actor, name: string): Promise<Enrolment> {
      await allow(actor)
      await find(name)
      if (await codes.has(name))
        throw new OpError('EEXIST', `"${name}" has codes already: take them away first with totp del ${name}`)
      return codes.propose(name)
    },

    /** Whether an app shows the codes of what was proposed. */
    async provesSecondStep(actor: Actor, name: string, proposed: Enrolment, code: string): Promise<boolean> {
      await allow(actor)
      return codes.proves(name, proposed, code)
    },

    /** A one-time code is asked for at the next login. Without `code` nobody has proved that an app knows the secret. */
    async addSecondStep(actor: Actor, name: string, proposed: Enrolment, code?: string): Promise<void> {
      await allow(actor)
      // In turn with the end of the account, so that none of its name finds the secret.
      await lanes.run(`codes of ${name}`, async () => {
        await find(name)
        await codes.enrol(name, proposed, code)
      })
      recordCodes(actor, name, true)
    },

    /** ENOENT when there is none. */
    async removeSecondStep(actor: Actor, name: string): Promise<void> {
      await allow(actor)
      await find(name)
      if (!(await codes.remove(name))) throw new OpError('ENOENT', `"${name}" has no one-time codes`)
      recordCodes(actor, name, false)
    },

    async hasSecondStep(actor: Actor, name: string): Promise<boolean> {
      await allow(actor)
      await find(name)
      return codes.has(name)
    },
  }
}
