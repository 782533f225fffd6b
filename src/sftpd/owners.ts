import { isOpError } from '../base/error.ts'
import { ROOT } from '../vfs/path.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import type { Owners } from '../wire/longname.ts'

/**
 * Names for the owners of an account's files: whoever owns the tree's root is the account, others stay numbers.
 * Asked of the tree when first needed.
 */
export function ownersOf(vfs: VirtualFileSystem, account: string): () => Promise<Owners> {
  let owners: Promise<Owners> | undefined
  return () => {
    owners ??= ask()
    return owners
  }

  async function ask(): Promise<Owners> {
    try {
      const { uid, gid } = await vfs.stat(ROOT)
      return {
        user: (id) => (id === uid ? account : String(id)),
        group: (id) => (id === gid ? account : String(id)),
      }
    } catch (error) {
      if (!isOpError(error)) throw error
      return { user: String, group: String }
    }
  }
}
