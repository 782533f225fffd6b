import type { Account } from '../accounts/account.ts'
import { hasHome, showRights } from '../accounts/rules.ts'
import { showBytes } from '../base/units.ts'
import type { Usage } from '../quota/ledger.ts'
import type { Desktop } from './menu.ts'
import { showLimit, stateOf } from './show.ts'
import { bar, fittedTable, widthOf } from './table.ts'

export interface Picked {
  readonly account: Account
  readonly usage: Usage
}

/** Narrowest screen with a column for rights, and with bars. */
const WIDE = 76
const MIDDLE = 60
const BAR = 10

/** One of the accounts, out of a table of all with a bar for what they use; undefined: none. `at`: where to begin. */
export async function pick(
  { screen, actor, parts }: Desktop,
  question: string,
  at?: string,
): Promise<Picked | undefined> {
  const all = await parts.actions.survey(actor)
  const initial = Math.max(
    0,
    all.findIndex(({ account }) => account.name === at),
  )
  const { head, lines } = accountTable(all, parts.now(), screen.columns - 4)
  return screen.choose(
    question,
    all.map((value, index) => ({ label: lines[index]!, chosen: value.account.name, value })),
    { head, initial },
  )
}

/** Fitted to `columns` cells: what is least needed is left out first. */
function accountTable(
  all: readonly Picked[],
  now: number,
  columns: number,
): { readonly head: string; readonly lines: readonly string[] } {
  const wide = columns >= WIDE - 4
  const middle = columns >= MIDDLE - 4
  const head = ['NAME', 'ROLE', 'STATE', ...(wide ? ['RIGHTS'] : []), ...(middle ? ['QUOTA'] : []), 'USED']
  const rows = all.map(({ account, usage: { used, limit } }) => [
    account.name,
    account.role,
    stateOf(account, now),
    ...(wide ? [showRights(account.rights)] : []),
    ...(middle ? [limit === null ? '' : bar(used / Math.max(1, limit), BAR)] : []),
    hasHome(account) ? `${showBytes(used)} of ${showLimit(limit)}` : '',
  ])
  // A number that is cut off at its unit says nothing, and a name says whose it is.
  const cells = ['ROLE', 'STATE'].reduce<readonly (readonly string[])[]>(
    (table, name) => (widthOf(table) > columns ? without(table, table[0]!.indexOf(name)) : table),
    [head, ...rows],
  )
  const [first = '', ...lines] = fittedTable(cells, columns)
  return { head: first, lines }
}

function without(rows: readonly (readonly string[])[], column: number): readonly (readonly string[])[] {
  return rows.map((row) => row.toSpliced(column, 1))
}
