import { checkName, checkPassword, PRESETS } from '../accounts/rules.ts'
import { parseBytes, showBytes } from '../base/units.ts'
import type { Usage } from '../quota/ledger.ts'
import { pick } from './accounts-list.ts'
import { limitOf } from './changes.ts'
import type { Desktop } from './menu.ts'
import { page } from './page.ts'
import { sentence } from './questions.ts'
import { lessThanUsed } from './quota-words.ts'
import { factsAbout, showEntries, showLimit } from './show.ts'
import { bar, fittedTable } from './table.ts'

/**
 * The questions of each item about accounts. What they give is said when they are done; undefined: the person went
 * back, and nothing was done. Nothing is stored before the last question is answered.
 */
export async function register({ screen, actor, parts }: Desktop): Promise<string | undefined> {
  const taken = new Set((await parts.actions.list(actor)).map(({ name }) => name))
  const name = await screen.ask('Name of the new account', {
    check: sentence((text) => {
      checkName(text.trim())
      return taken.has(text.trim()) ? `There is an account "${text.trim()}" already` : undefined
    }),
    hint: () => 'a-z, 0-9, "_", "." and "-"',
  })
  if (name === undefined) return undefined
  const role = await screen.choose('What is it?', [
    { label: 'User', hint: 'a folder of its own', value: 'user' as const },
    { label: 'Admin', hint: 'this menu, and no files', value: 'admin' as const },
  ])
  if (role === undefined) return undefined
  const password = await newPassword({ screen }, 'Password (empty: none, keys only)', true)
  if (password === undefined) return undefined
  const choices = role === 'admin' ? {} : await choicesOfUser({ screen })
  if (choices === undefined) return undefined
  const account = await parts.actions.add(actor, {
    name: name.trim(),
    role,
    ...choices,
    ...(password === '' ? {} : { password }),
  })
  const first = password === '' ? '; add a key under Keys, so that it can log in' : ''
  return `"${account.name}" is registered as ${account.role}${first}`
}

async function choicesOfUser({ screen }: Pick<Desktop, 'screen'>) {
  const bytes = await askSize({ screen }, 'Quota')
  if (bytes === undefined) return undefined
  const rights = await screen.choose('What may it do?', rightsChoices)
  return rights === undefined ? undefined : { quota: { bytes }, rights }
}

export const rightsChoices = Object.entries(PRESETS).map(([label, value]) => ({
  label,
  value,
  hint: {
    full: 'everything in its folder',
    'read-only': 'look and fetch',
    'drop-box': 'bring new files, see nothing',
  }[label]!,
}))

export async function deleteUser(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const picked = await pick(desktop, 'Delete which account?')
  if (picked === undefined) return undefined
  const { account, usage } = picked
  screen.print(
    `Its sessions end, and nobody can log in as "${account.name}" any more.`,
    usage.files > 0
      ? `What it has, ${showEntries(usage.files)} (${showBytes(usage.used)}), is moved to removed/ in the server's folder.`
      : 'It has no files.',
  )
  const typed = await screen.ask('Type the name to delete it', {
    check: (text) =>
      text === account.name || text === '' ? undefined : `Type "${account.name}", or nothing to go back`,
  })
  if (typed !== account.name) return undefined
  const kept = await parts.actions.remove(actor, account.name, account.version)
  return `"${account.name}" is deleted${kept === undefined ? '' : `; its files are in ${kept}`}`
}

/** Everything about one account after the other. */
export async function viewUsers(desktop: Desktop): Promise<string | undefined> {
  const { screen, parts } = desktop
  let last: string | undefined
  for (;;) {
    const picked = await pick(desktop, 'Accounts', last)
    if (picked === undefined) return ''
    const { account, usage } = picked
    last = account.name
    const facts = factsAbout(account, usage, parts.now())
    await page(screen, () => fittedTable(withBar(facts, usage, screen.columns), screen.columns))
    screen.tidy()
  }
}

/** How full the quota is, beside its numbers, where there is room for it. */
function withBar(
  facts: readonly (readonly [name: string, value: string])[],
  { used, limit }: Usage,
  columns: number,
): readonly (readonly [name: string, value: string])[] {
  const names = facts.reduce((most, [name]) => Math.max(most, name.length), 0)
  return facts.map(([name, value]) => {
    const width = Math.min(MOST_BAR, columns - names - value.length - '  [] '.length)
    if (name !== 'quota' || limit === null || width < LEAST_BAR) return [name, value]
    return [name, `${bar(used / Math.max(1, limit), width)} ${value}`]
  })
}

const MOST_BAR = 20
const LEAST_BAR = 5

export async function modifyQuota(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const picked = await pick(desktop, 'Whose quota?')
  if (picked === undefined) return undefined
  const { account, usage } = picked
  const entries = usage.fileLimit === null ? '' : ` of ${usage.fileLimit}`
  screen.print(
    `"${account.name}" uses ${showBytes(usage.used)} of ${showLimit(usage.limit)}, and has ${showEntries(usage.files)}${entries}.`,
  )
  const bytes = await askSize({ screen }, 'New quota', usage.used)
  if (bytes === undefined) return undefined
  const unbound = bytes === null && usage.limit !== null
  if (unbound && !(await screen.confirm(`Let "${account.name}" use any number of bytes?`))) return undefined
  const less = lessThanUsed({ bytes }, usage)
  if (less !== undefined) {
    screen.print(less)
    if (!(await screen.confirm('Set it all the same?'))) return undefined
  }
  await parts.actions.setQuota(actor, account.name, { bytes }, account.version)
  return `"${account.name}" may use ${bytes === null ? 'any number of bytes' : showBytes(bytes)}`
}

export async function changePassword(desktop: Desktop, own?: string): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const account =
    own === undefined
      ? (await pick(desktop, 'Whose password?'))?.account
      : await parts.actions.show(actor, own)
  if (account === undefined) return undefined
  const { name, version } = account
  const password = await newPassword({ screen }, `New password of "${name}"`, false)
  if (password === undefined) return undefined
  await parts.actions.setPassword(actor, name, password, version)
  return `The password of "${name}" is changed`
}

export async function disableOrEnable(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const account = (await pick(desktop, 'Which account?'))?.account
  if (account === undefined) return undefined
  const question = account.disabled
    ? `Let "${account.name}" log in again?`
    : `Disable "${account.name}" and end its sessions?`
  if (!(await screen.confirm(question))) return undefined
  await parts.actions.set(actor, account.name, { disabled: !account.disabled }, account.version)
  return `"${account.name}" is ${account.disabled ? 'enabled' : 'disabled'}`
}

async function newPassword(
  { screen }: Pick<Desktop, 'screen'>,
  question: string,
  mayBeEmpty: boolean,
): Promise<string | undefined> {
  const password = await screen.secret(
    question,
    sentence((text) => {
      if (!(mayBeEmpty && text === '')) checkPassword(text)
    }),
  )
  if (password === undefined || password === '') return password
  const again = await screen.secret('The same once more', (text) =>
    text === password || text === '' ? undefined : 'That is another one: try again, or nothing to go back',
  )
  return again === password ? password : undefined
}

/** Bytes, null for no limit, undefined for back. What the number means is said while it is typed. */
export async function askSize(
  { screen }: Pick<Desktop, 'screen'>,
  question: string,
  used?: number,
): Promise<number | null | undefined> {
  const meaning = (text: string): number | null => (text.trim() === '' ? null : limitOf(text, parseBytes))
  const text = await screen.ask(`${question} (empty: no limit)`, {
    check: sentence((typed) => void meaning(typed)),
    hint: (typed) => sizeHint(typed, meaning, used),
  })
  return text === undefined ? undefined : meaning(text)
}

function sizeHint(typed: string, meaning: (text: string) => number | null, used: number | undefined): string {
  const wrong = sentence((text) => void meaning(text))(typed)
  if (wrong !== undefined) return wrong
  const bytes = meaning(typed)
  if (bytes === null) return 'no limit; or write a size, such as 10 GiB'
  const less = used !== undefined && bytes < used ? ', less than it uses' : ''
  return `${bytes.toLocaleString('en')} bytes${less}`
}
