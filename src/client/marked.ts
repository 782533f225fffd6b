import { nameOf, parentOf } from '../vfs/path.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import { listings } from './listings.ts'

/** The server's tree with what SFTP does not carry: which uploads were not finished. Asked for once a folder. */
export function marked(line: Line): VirtualFileSystem {
  const { vfs } = line
  const partials = listings()
  return {
    ...vfs,
    async stat(path, options) {
      const stat = await vfs.stat(path, options)
      if (stat.kind !== 'file') return stat
      return { ...stat, partial: (await partials(line, parentOf(path))).has(nameOf(path)) }
    },
    async openDirectory(path) {
      const folder = await vfs.openDirectory(path)
      const partial = await partials(line, path)
      return {
        async read(most) {
          const entries = await folder.read(most)
          return entries.map(({ name, stat }) => ({ name, stat: { ...stat, partial: partial.has(name) } }))
        },
        close: () => folder.close(),
      }
    },
  }
}
