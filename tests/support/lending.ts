import { then } from '../../src/base/awaitable.ts'
import { handleOver } from '../../src/vfs/handle-over.ts'
import type { StagedFileSystem } from '../../src/vfs/staged.ts'
import type { FileHandle } from '../../src/vfs/vfs.ts'

/** As the socket does: what is written is lent for the call alone, and other bytes lie there at once. */
export function lending(vfs: StagedFileSystem): StagedFileSystem {
  const lent = (file: FileHandle): FileHandle =>
    handleOver(() => file, {
      write(data, offset) {
        const place = data.map((part) => Buffer.from(part))
        try {
          return file.write(place, offset)
        } finally {
          for (const part of place) part.fill('~')
        }
      },
    })
  return {
    ...vfs,
    open: (path, flags, attrs) => then(vfs.open(path, flags, attrs), lent),
    resume: (path, size) => then(vfs.resume(path, size), lent),
  }
}
