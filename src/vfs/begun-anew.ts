import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { copied, lengthOf } from './lent-data.ts'
import type { FileHandle } from './vfs.ts'

/**
 * What an upload left, opened to be made or written and not truncated. Who goes on with it writes at its end first; plain
 * `scp` begins at 0, and means by that what others say by TRUNC: what lay there may be of another content, and a resume by
 * size would go on behind it. (A mounted tree, sshfs, that changes a part of a file does not ask for it to be made.)
 */
export function begunAnew(file: FileHandle): FileHandle {
  let known = false
  return handleOver(() => file, {
    write(data, offset) {
      if (known || lengthOf(data) === 0) return file.write(data, offset)
      known = true
      return offset > 0 ? file.write(data, offset) : anew(file, data)
    },
    truncate(size) {
      known = true
      return file.truncate(size)
    },
    setstat(attrs) {
      known ||= attrs.size !== undefined
      return file.setstat(attrs)
    },
  })
}

function anew(file: FileHandle, data: readonly Uint8Array[]): Awaitable<void> {
  const cut = file.truncate(0)
  if (!isPromise(cut)) return file.write(data, 0)
  const copies = copied(data)
  return cut.then(() => file.write(copies, 0))
}
