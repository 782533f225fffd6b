import { shown } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import { jsonName } from '../commands/json.ts'
import type { LiveRow, ServerStatus } from './desk.ts'
import type { Asked } from './server-actions.ts'
import { showEntries, showSpan } from './show.ts'

type Moving = LiveRow['transfers'][number]

/** Of all accounts together; `limited`: those that have a limit, whose limits `limit` sums up. */
export interface QuotaTotals {
  readonly accounts: number
  readonly limited: number
  readonly limit: number
  readonly used: number
  readonly files: number
}

export async function quotaTotals({ actor, parts }: Asked): Promise<QuotaTotals> {
  const usages = (await parts.actions.survey(actor)).map(({ usage }) => usage)
  const limits = usages.flatMap(({ limit }) => (limit === null ? [] : [limit]))
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
  return {
    accounts: usages.length,
    limited: limits.length,
    limit: sum(limits),
    used: sum(usages.map(({ used }) => used)),
    files: sum(usages.map(({ files }) => files)),
  }
}

/** What the server is, as rows of a name and a value. */
export function statusRows(
  status: ServerStatus,
  quota: QuotaTotals,
  now: number,
): readonly (readonly [string, string])[] {
  const of = quota.limited === 0 ? '' : `; ${quota.limited} with a quota, ${showBytes(quota.limit)} in all`
  return [
    ['version', `${status.version}, Node ${status.node}, process ${status.pid}`],
    ['listens', status.address],
    ...(status.workers === undefined ? [] : [['serve', `${status.workers} processes`] as const]),
    ['runs', showSpan(now - status.since)],
    ['connections', String(status.connections)],
    ['moved', `${showBytes(status.received)} received, ${showBytes(status.sent)} sent`],
    ['disk', `${showBytes(status.disk.free)} free of ${showBytes(status.disk.total)}`],
    ['memory', showBytes(status.memory)],
    ['accounts', `${quota.accounts}${of}`],
    ['stored', `${showBytes(quota.used)} in ${showEntries(quota.files)}`],
  ]
}

/** "up /a.bin 3.1 MiB of 10 MiB", as far as it is known. */
export function showTransfer({ path, read, written, size }: Moving): string {
  // A size is known of what was opened to be read alone; what was opened for both is what it has done.
  const way = size !== undefined || (read > 0 && written === 0) ? 'down' : 'up'
  const moved = showBytes(read + written)
  return `${way} ${shown(path)} ${moved}${size === undefined || size === 0 ? '' : ` of ${showBytes(size)}`}`
}

/** Names are byte strings inside; JSON has them as text, and the bytes of one that is no UTF-8 beside it. */
export function scriptTransfer({ path, ...rest }: Moving) {
  const { name, nameBase64: pathBase64 } = jsonName(path)
  return { path: name, ...(pathBase64 === undefined ? {} : { pathBase64 }), ...rest }
}
