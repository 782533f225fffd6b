import type { Awaitable } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { lengthOf } from './lent-data.ts'
import type { Overwrite } from './overwrite.ts'
import type { FileHandle } from './vfs.ts'

/** What one handle more asks of the overwrite that it is on. */
export interface SharedParts {
  readonly handle: Pick<Overwrite, 'append'> & FileHandle
  /** Committed, or given up: there is nothing to commit. */
  readonly isOver: () => boolean
  readonly commit: () => Awaitable<void>
  /** One handle less. Behind the last it is the file under its name, if that is open. */
  readonly leave: () => FileHandle | undefined
}

/** `appends`: each WRITE goes to the end. `changed`: by opening it. Closed, or abandoned, again does nothing. */
export function sharedHandle(
  { handle, isOver, commit, leave }: SharedParts,
  { appends, changed: already }: { readonly appends: boolean; readonly changed: boolean },
): FileHandle {
  let open = true
  let changed = already
  const last = (): FileHandle | undefined => {
    if (!open) return undefined
    open = false
    return leave()
  }
  return handleOver(() => handle, {
    appends,
    write(data, offset) {
      changed ||= lengthOf(data) > 0
      return appends ? handle.append(data) : handle.write(data, offset)
    },
    truncate(to) {
      changed = true
      return handle.truncate(to)
    },
    setstat(attrs) {
      changed ||= attrs.size !== undefined
      return handle.setstat(attrs)
    },
    close() {
      if (!open) return undefined
      const under = last()
      return changed && !isOver() ? commit() : under?.close()
    },
    abandon: () => last()?.abandon(),
  })
}
