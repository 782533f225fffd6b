import type { VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import { partialsIn } from './transfer.ts'

export type Listings = (line: Line, folder: VirtualPath) => Promise<ReadonlySet<string>>

/** The unfinished files of each folder, asked for once, when it is first wanted. */
export function listings(): Listings {
  const known = new Map<VirtualPath, Promise<ReadonlySet<string>>>()
  return (line, folder) => {
    const before = known.get(folder)
    if (before !== undefined) return before
    const asked = partialsIn(line, folder)
    known.set(folder, asked)
    asked.catch(() => known.delete(folder))
    return asked
  }
}
