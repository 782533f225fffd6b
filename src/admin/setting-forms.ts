import type { Account } from '../accounts/account.ts'
import type { Changes } from '../accounts/actions.ts'
import { keyInfo, parseKeyLine } from '../accounts/keys.ts'
import { checkChanges, showRights } from '../accounts/rules.ts'
import { escapeText } from '../base/escape.ts'
import { parseBytes, showBytes } from '../base/units.ts'
import { pick } from './accounts-list.ts'
import { count, expiryOf, limitOf, networksOf } from './changes.ts'
import type { Desktop } from './menu.ts'
import { sentence } from './questions.ts'
import { showTime } from './show.ts'
import { rightsChoices } from './user-forms.ts'

/** One thing that can be set: how it stands now, and the question for another value. */
interface Setting {
  readonly label: string
  readonly shown: (account: Account) => string
  /** Undefined: back. */
  readonly ask: (desktop: Desktop, account: Account) => Promise<Changes | undefined>
}

const SETTINGS: readonly Setting[] = [
  {
    label: 'Rights',
    shown: ({ rights }) => showRights(rights),
    async ask({ screen }, account) {
      const now = rightsChoices.findIndex(({ label }) => label === showRights(account.rights))
      const rights = await screen.choose('What may it do?', rightsChoices, { initial: Math.max(0, now) })
      return rights && { rights }
    },
  },
  {
    label: 'Expires',
    shown: ({ expires }) => (expires === null ? 'never' : showTime(expires)),
    ask: (desktop) =>
      typed(desktop, 'Expires: 2027-01-31, 30d, or never', (text) => ({
        expires: expiryOf(text, desktop.parts.now()),
      })),
  },
  {
    label: 'Networks',
    shown: ({ networks }) => networks.join(', ') || 'from everywhere',
    ask: (desktop) =>
      typed(desktop, 'Networks, as 10.0.0.0/8, or any', (text) => ({
        networks: networksOf(text),
      })),
  },
  {
    label: 'Sessions',
    shown: ({ sessions }) => (sessions === null ? 'any number' : `${sessions} at once`),
    ask: (desktop) =>
      typed(desktop, 'Sessions at once, or none', (text) => ({ sessions: limitOf(text, count) })),
  },
  {
    label: 'Upload cap',
    shown: ({ rate }) => rateOf(rate.up),
    ask: (desktop, { rate }) =>
      typed(desktop, 'Upload a second, as 5 MiB, or none', (text) => ({
        rate: { ...rate, up: limitOf(text, parseBytes) },
      })),
  },
  {
    label: 'Download cap',
    shown: ({ rate }) => rateOf(rate.down),
    ask: (desktop, { rate }) =>
      typed(desktop, 'Download a second, as 5 MiB, or none', (text) => ({
        rate: { ...rate, down: limitOf(text, parseBytes) },
      })),
  },
  {
    label: 'Overwrite',
    shown: ({ overwrite }) => overwrite ?? "as the server's setting",
    async ask({ screen }) {
      const overwrite = await screen.choose('How does it overwrite?', [
        { label: 'as the server', value: null, hint: 'its setting' },
        { label: 'staged', value: 'staged' as const, hint: 'the old file stays until the new one is whole' },
        { label: 'in-place', value: 'in-place' as const, hint: 'as on a Unix disk' },
      ])
      return overwrite === undefined ? undefined : { overwrite }
    },
  },
  {
    label: 'Role',
    shown: ({ role }) => role,
    async ask({ screen }, { name, role }) {
      const other = role === 'admin' ? 'user' : 'admin'
      const yes = await screen.confirm(
        `Make "${name}" ${other === 'admin' ? 'an admin' : 'a user'} and end its sessions?`,
      )
      return yes ? { role: other } : undefined
    },
  },
]

const HOME: Setting = {
  label: 'Home',
  shown: ({ home }) => (home ? 'yes, with SFTP' : 'no'),
  async ask({ screen }, { home, name }) {
    const yes = await screen.confirm(
      home ? `Take the home of "${name}" away? Its files stay` : `Give "${name}" a home?`,
    )
    return yes ? { home: !home } : undefined
  },
}

/** Rights and expiry, and what else an account may: one after the other until the person goes back. */
export async function rights(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  let account = (await pick(desktop, 'Whose rights?'))?.account
  let at = 0
  let changed = false
  while (account !== undefined) {
    const now: Account = account
    // What was changed stays, and no line of each question that was asked for it.
    screen.tidy()
    const settings = now.role === 'admin' ? [...SETTINGS, HOME] : SETTINGS
    const setting = await screen.choose(
      `What of "${now.name}"?`,
      settings.map((value) => ({ label: value.label, hint: value.shown(now), value })),
      { initial: at },
    )
    if (setting === undefined) return changed ? '' : undefined
    at = settings.indexOf(setting)
    const changes = await setting.ask(desktop, now)
    if (changes === undefined) continue
    account = await parts.actions.set(actor, now.name, changes, now.version)
    changed = true
    screen.print(`${setting.label} of "${account.name}": ${escapeText(setting.shown(account))}`)
  }
  return undefined
}

export async function keys(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const account = (await pick(desktop, 'Whose keys?'))?.account
  if (account === undefined) return undefined
  const rows = account.keys.map(keyInfo)
  const choice = await screen.choose(`Keys of "${account.name}"`, [
    { label: 'Paste a new one', value: -1 },
    ...rows.map((key, index) => ({
      label: `Remove ${escapeText(key.comment) || key.type}`,
      hint: key.fingerprint,
      value: index,
    })),
  ])
  if (choice === undefined) return undefined
  if (choice >= 0) {
    const { fingerprint, type, comment } = rows[choice]!
    screen.print(`${fingerprint} ${type} ${escapeText(comment)}`)
    if (!(await screen.confirm('Remove this key?'))) return undefined
    await parts.actions.removeKey(actor, account.name, fingerprint, account.version)
    return 'The key is removed'
  }
  const line = await screen.ask('Paste the line of the ".pub" file', {
    check: sentence((text) => {
      if (text.trim() !== '') parseKeyLine(text)
    }),
  })
  if (line === undefined || line.trim() === '') return undefined
  const key = await parts.actions.addKey(actor, account.name, line, account.version)
  return `"${account.name}" can log in with ${key.fingerprint}`
}

/** A change out of what is typed; what is wrong with it is said before it is made. */
async function typed(
  { screen }: Pick<Desktop, 'screen'>,
  question: string,
  read: (text: string) => Changes,
): Promise<Changes | undefined> {
  const text = await screen.ask(question, { check: sentence((given) => checkChanges(read(given))) })
  return text === undefined || text.trim() === '' ? undefined : read(text)
}

function rateOf(cap: number | null): string {
  return cap === null ? 'no cap' : `${showBytes(cap)}/s`
}
