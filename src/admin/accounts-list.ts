import type { Account } from '../accounts/account.ts'
import { hasHome, showRights } from '../accounts/rules.ts'
import { showBytes } from '../base/units.ts'
import type { Usage } from '../quota/ledger.ts'
import type { Desktop } from './menu.ts'
import { showLimit, stateOf } from './show.ts'
import { bar, fitted, fittedTable, widthOf } from './table.ts'

export interface Picked {
  readonly account: Account
  readonly usage: Usage
}

const BAR = 10
/** As many cells of rights one by one, where there is no room for all; what has a name of its own has less. */
const MOST_RIGHTS = 12
/** What is left out where there is no room, the first first. The name and what is used are always there. */
const LEAST_NEEDED = ['RIGHTS', 'QUOTA', 'ROLE', 'STATE']

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
  const cells = cellsOf(all, parts.now())
  let table = { columns: -1, head: '', lines: [] as readonly string[] }
  // Laid out once for each width, of which there is another when the window changes.
  const laidOut = (columns: number): typeof table => {
    if (table.columns !== columns) table = { columns, ...accountTable(cells, columns) }
    return table
  }
  return screen.choose(
    question,
    all.map((value, index) => ({
      label: value.account.name,
      row: (columns) => laidOut(columns).lines[index]!,
      value,
    })),
    { head: (columns) => laidOut(columns).head, initial },
  )
}

function cellsOf(all: readonly Picked[], now: number): readonly (readonly string[])[] {
  const rows = all.map(({ account, usage: { used, limit } }) => [
    account.name,
    account.role,
    stateOf(account, now),
    showRights(account.rights),
    limit === null ? '' : bar(used / Math.max(1, limit), BAR),
    hasHome(account) ? `${showBytes(used)} of ${showLimit(limit)}` : '',
  ])
  return [['NAME', 'ROLE', 'STATE', 'RIGHTS', 'QUOTA', 'USED'], ...rows]
}

/** Fitted to `columns` cells: a number that is cut off at its unit says nothing, and a name says whose it is. */
function accountTable(
  cells: readonly (readonly string[])[],
  columns: number,
): { readonly head: string; readonly lines: readonly string[] } {
  const at = cells[0]!.indexOf('RIGHTS')
  const short = cells.map((row) => row.with(at, fitted(row[at]!, MOST_RIGHTS)))
  const rows = LEAST_NEEDED.reduce(
    (table, name) => (widthOf(table) > columns ? without(table, table[0]!.indexOf(name)) : table),
    widthOf(cells) > columns ? short : cells,
  )
  const [head = '', ...lines] = fittedTable(rows, columns)
  return { head, lines }
}

function without(rows: readonly (readonly string[])[], column: number): readonly (readonly string[])[] {
  return rows.map((row) => row.toSpliced(column, 1))
}
