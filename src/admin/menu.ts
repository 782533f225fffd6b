import type { Actor } from '../accounts/actor.ts'
import { isOpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import { actorOf } from './exec.ts'
import { openScreen, type Screen } from './screen.ts'
import { secondStep } from './second-step.ts'
import { keys, rights } from './setting-forms.ts'
import {
  changePassword,
  deleteUser,
  disableOrEnable,
  modifyQuota,
  register,
  viewUsers,
} from './user-forms.ts'
import { bans, log, serverStatus, sessions } from './views.ts'
import type { WordsParts } from './word.ts'

/** What a form is given. */
export interface Desktop {
  readonly screen: Screen
  readonly actor: Actor
  readonly parts: WordsParts
}

/** Gives what to say when it is done; undefined when the person went back before anything was changed. */
type Form = (desktop: Desktop) => Promise<string | undefined>

interface Item {
  readonly label: string
  readonly hint: string
  /** None: leaves. */
  readonly form?: Form
}

/** The seed's five first. */
const ITEMS: readonly Item[] = [
  { label: 'Register user', hint: 'a new account', form: register },
  { label: 'Delete user', hint: 'its files are kept', form: deleteUser },
  { label: 'View users', hint: 'everything about each', form: viewUsers },
  { label: 'Modify quota', hint: 'what an account may hold', form: modifyQuota },
  { label: 'Exit', hint: 'leave' },
  { label: 'Change password', hint: "yours or another's", form: changePassword },
  { label: 'Keys', hint: 'public keys that log in', form: keys },
  { label: 'One-time codes', hint: 'asked after the password', form: secondStep },
  { label: 'Rights and expiry', hint: 'networks and caps, too', form: rights },
  { label: 'Disable or enable', hint: 'an account that waits', form: disableOrEnable },
  { label: 'Sessions', hint: 'who is here, moving what', form: sessions },
  { label: 'Bans', hint: 'addresses kept out', form: bans },
  { label: 'Log', hint: 'as it happens', form: log },
  { label: 'Server', hint: 'load, disk; stop it', form: serverStatus },
]
const EXIT = ITEMS.findIndex(({ form }) => form === undefined)

/** The session handler of "shell" for admins: a menu. Leaves with 0; without a terminal it says how to use words. */
export function menu(parts: WordsParts): SessionHandler {
  return async (session) => {
    const { request, channel } = session
    if (request.type !== 'shell' || request.pty === undefined) {
      await channel.writeError(
        Buffer.from(
          'The menu needs a terminal: connect with ssh -t, or say what to do, such as: ssh HOST user list\n',
        ),
      )
      return 2
    }
    using screen = openScreen(session, request.pty)
    try {
      await converse({ screen, actor: actorOf(session), parts }, session)
      return 0
    } catch (error) {
      if (!isOpError(error, 'ECANCELED')) throw error
      if (session.signal.aborted) return 130
      if (session.draining.aborted)
        await channel.write(Buffer.from('\r\nThe server stops: nothing that was not finished is stored\r\n'))
      return 0
    }
  }
}

async function converse(desktop: Desktop, session: Session): Promise<void> {
  const { screen, actor } = desktop
  const head = `MiniFTP, logged in as ${actor.name}`
  screen.print(head)
  screen.print(...(await outcome(desktop, session, offerNewPassword)))
  let last = 0
  for (;;) {
    const item = await screen.choose(
      'What do you want to do?',
      ITEMS.map((value) => ({ label: value.label, hint: value.hint, value })),
      { initial: last, back: 'Esc goes to Exit' },
    )
    // One Esc too many must not throw anybody out: the first goes to Exit, the second leaves.
    if (item === undefined && last !== EXIT) last = EXIT
    else if (item?.form === undefined) return
    else {
      last = ITEMS.indexOf(item)
      screen.clear()
      screen.print(`${head}: ${item.label}`)
      const said = await outcome(desktop, session, item.form)
      screen.clear()
      screen.print(head, ...said)
    }
  }
}

/** What there is to say after a form; the menu goes on whatever went wrong. */
async function outcome(desktop: Desktop, { log }: Session, form: Form): Promise<readonly string[]> {
  try {
    const said = (await form(desktop)) ?? 'Nothing was changed'
    return said === '' ? [] : [said]
  } catch (error) {
    if (isOpError(error, 'ECANCELED')) throw error
    if (!isOpError(error)) log.error('menu failed', error)
    return [isOpError(error) ? escapeText(error.message) : 'Internal error, see the log']
  }
}

/** Everybody knows the password of the first start. */
async function offerNewPassword(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const account = await parts.actions.show(actor, actor.name)
  if (!account.demo) return ''
  screen.print('Your password is the one of the first start, which everybody knows.')
  if (await screen.confirm('Change it now?')) return changePassword(desktop, actor.name)
  return 'It stays; until it is changed the server listens on this machine only'
}
