import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** `length` bytes that no compression makes smaller and that are the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let x = (seed * 2654435761) >>> 0 || 1
  for (let at = 0; at < length; at++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[at] = x & 255
  }
  return bytes
}

/** Sizes around what clients and servers cut at: 32 KiB, 255 KiB, 256 KiB. */
const SIZES: readonly number[] = [0, 1, 32_767, 32_768, 32_769, 261_120, 262_144, 262_145, 1_048_577]

/** Names that a careless program breaks. */
const NAMES: readonly string[] = [
  'plain',
  'with space',
  "it's",
  'quote"d',
  'dollar$x',
  'star*',
  'naïve 名前 🙂',
  '-dash',
  '#hash',
  'per%cent',
  'back\\slash',
]

/** A tree with every size, odd names, an empty folder and some depth. Answers the folder. */
export function makeTree(folder: string): string {
  SIZES.forEach((size, at) => {
    put(join(folder, 'sizes', `${size}.bin`), noise(size, at + 1))
  })
  NAMES.forEach((name, at) => {
    put(join(folder, 'names', name), noise(500, at + 100))
  })
  put(join(folder, 'a/b/c/d/deep.txt'), Buffer.from('deep\n'))
  mkdirSync(join(folder, 'empty'), { recursive: true })
  return folder
}

function put(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

/** Both hold the same names, kinds and bytes. */
export function sameTree(actual: string, expected: string): void {
  assert.deepEqual(listing(actual), listing(expected))
  for (const [name, kind] of listing(expected)) {
    if (kind === 'file') sameFile(join(actual, name), join(expected, name))
  }
}

/** Every byte, a megabyte at a time. */
export function sameFile(actual: string, expected: string): void {
  assert.equal(lstatSync(actual).size, lstatSync(expected).size, `size of ${actual}`)
  const left = openSync(actual, 'r')
  const right = openSync(expected, 'r')
  try {
    const a = Buffer.allocUnsafe(1 << 20)
    const b = Buffer.allocUnsafe(1 << 20)
    for (let at = 0; ; ) {
      const count = readSync(left, a, 0, a.length, at)
      assert.equal(readSync(right, b, 0, b.length, at), count)
      if (count === 0) return
      assert.ok(a.subarray(0, count).equals(b.subarray(0, count)), `${actual} differs in the MiB at ${at}`)
      at += count
    }
  } finally {
    closeSync(left)
    closeSync(right)
  }
}

export function md5(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex')
}

function listing(folder: string): readonly (readonly [name: string, kind: string])[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const kind = entry.isDirectory()
        ? 'folder'
        : entry.isSymbolicLink()
          ? `link to ${readlinkSync(path)}`
          : 'file'
      return [path.slice(folder.length + 1), kind] as const
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
