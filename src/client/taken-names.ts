import { createHash } from 'node:crypto'
import { OpError } from '../base/error.ts'
import { join, MOST_NAME, nameOf, parentOf } from '../vfs/path.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import { PART } from './transfer.ts'

/** The names that a plan gives to files: no two get one, or they would be written into each other. */
export function takenNames(leftOut: (what: string, why: OpError) => void) {
  const taken = new Map<VirtualPath, string | undefined>()
  const parts = new Map<VirtualPath, VirtualPath>()
  return {
    /** False, and told as left out, when another file of the plan goes to `path`. `name`: as a person knows it; undefined: a folder. */
    take(path: VirtualPath, name: string | undefined): boolean {
      const other = taken.get(path)
      taken.set(path, other ?? name)
      if (other === undefined || name === undefined) return true
      const why = `"${other}" goes to the same name: take it along by itself, under another one`
      leftOut(name, new OpError('EEXIST', why))
      return false
    },
    /** What a download is called that is not finished: no other file or part of the plan has that name. */
    partOf(path: VirtualPath): VirtualPath {
      const before = parts.get(path)
      if (before !== undefined) return before
      let end = PART
      let part = partNamed(path, end)
      while (taken.has(part)) {
        end += PART
        part = partNamed(path, end)
      }
      parts.set(path, part)
      taken.set(part, undefined)
      return part
    },
  }
}

/** A name that is too long to have an end of its own has a sum in the place of its last characters. */
function partNamed(path: VirtualPath, end: string): VirtualPath {
  const name = nameOf(path)
  if (name.length + end.length <= MOST_NAME) return join(parentOf(path), `${name}${end}`)
  const sum = `-${createHash('md5').update(name, 'latin1').digest('hex').slice(0, 12)}`
  let length = MOST_NAME - end.length - sum.length
  // Not within a character of UTF-8.
  while (length > 0 && (name.charCodeAt(length) & 0xc0) === 0x80) length--
  return join(parentOf(path), `${name.slice(0, length)}${sum}${end}`)
}
