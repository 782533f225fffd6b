// Preloaded into a server that is measured: the same program, without its ledger. Nothing is taken, nothing metered.
import { registerHooks } from 'node:module'
import type { Book } from '../../src/quota/book.ts'
import type { Usage } from '../../src/quota/ledger.ts'
import type { VirtualFileSystem } from '../../src/vfs/vfs.ts'

export { writes } from '../../src/vfs/metered.ts'

const REPLACED = /\/src\/(quota\/book|vfs\/metered)\.ts$/

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const here = context.parentURL === import.meta.url
    return REPLACED.test(found.url) && !here ? { ...found, url: import.meta.url } : found
  },
})

export const metered = (vfs: VirtualFileSystem): VirtualFileSystem => vfs

const NOTHING: Usage = { limit: null, used: 0, reserved: 0, files: 0, fileLimit: null }

class NoBook implements Pick<Book, keyof Book> {
  readonly account = ''
  readonly usage = NOTHING
  readonly metered = false
  readonly free = Number.POSITIVE_INFINITY
  readonly idle = true
  exactUsage = () => NOTHING
  exactFree = () => Number.POSITIVE_INFINITY
  has = () => true
  ensure = () => undefined
  whenRoom<T>(_bytes: number, _files: number, act: () => T): T {
    return act()
  }
  take() {}
  give() {}
  reserve() {}
  release() {}
  settle() {}
  takeFile() {}
  giveFile() {}
  checkRoom() {}
  onNoRoom() {}
  onCount() {}
  during<T>(change: T): T {
    return change
  }
  holdStill() {}
  report() {}
  square() {}
  giveBack() {}
  fold() {}
}

export { NoBook as Book }
