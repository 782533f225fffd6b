import { OpError } from '../base/error.ts'
import { parseBytes, showBytes } from '../base/units.ts'
import { count, limitOf } from './changes.ts'
import { showEntries, showLimit } from './show.ts'
import { answer, exactly, usageError, type Word, YES } from './word.ts'

/** Words about how much an account may hold. */
export const QUOTA_WORDS: Readonly<Record<string, Word>> = {
  'quota show': {
    usage: 'quota show NAME [--json]',
    summary: 'limit and use of an account',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const { limit, used, reserved, files, fileLimit } = await call.parts.actions.usage(call.actor, name!)
      answer(call, { limit, used, reserved, files, fileLimit }, [
        `${showBytes(used)} used, ${showBytes(reserved)} reserved, of ${showLimit(limit)}; ${showEntries(files)}, of ${fileLimit ?? 'no limit'}`,
      ])
    },
  },
  'quota set': {
    usage: 'quota set NAME [SIZE|none] [--files N|none] [--yes]',
    summary: 'limit an account: to a SIZE such as 500MiB or 10GiB, or to a number of files',
    options: { files: { type: 'string', about: ['N|none', 'most files and folders'] }, yes: YES },
    async run(call) {
      const { actor, parts, io, names, values } = call
      if (names.length < 1 || names.length > 3) throw usageError(this.usage)
      const [name, ...sizes] = names
      // "10 GiB", as it is shown, is two words here.
      const size = sizes.length === 0 ? undefined : sizes.join(' ')
      const limits = {
        ...(size === undefined ? {} : { bytes: limitOf(size, parseBytes) }),
        ...(values.files === undefined ? {} : { files: limitOf(String(values.files), count) }),
      }
      if (Object.keys(limits).length === 0) throw usageError(this.usage)
      const { version } = await parts.actions.show(actor, name!)
      const less = lessThanUsed(limits, await parts.actions.usage(actor, name!))
      if (less !== undefined && values.yes !== true) {
        const yes = await io.confirm(`${less} Set it?`)
        if (yes === undefined) throw new OpError('EUSAGE', `${less} To set it all the same say --yes`)
        if (!yes) throw new OpError('ECANCELED', 'Nothing was changed')
      }
      await parts.actions.setQuota(actor, name!, limits, version)
      const usage = await parts.actions.usage(actor, name!)
      const may = usage.limit === null ? 'any number of bytes' : showBytes(usage.limit)
      answer(call, usage, [
        `"${name}" may use ${may}, and uses ${showBytes(usage.used)}`,
        ...(less === undefined ? [] : [less]),
      ])
    },
  },
}

/** The sentence for a limit below what is used already; undefined when it is not. */
export function lessThanUsed(
  { bytes = null, files = null }: { readonly bytes?: number | null; readonly files?: number | null },
  { used, files: entries }: { readonly used: number; readonly files: number },
): string | undefined {
  if (bytes !== null && bytes < used)
    return `That is less than it uses: nothing more can be written until ${showBytes(used - bytes)} of it is removed.`
  if (files !== null && files < entries)
    return `That is less than it has: nothing new can be made until ${showEntries(entries - files)} ${entries - files === 1 ? 'is' : 'are'} removed.`
  return undefined
}
