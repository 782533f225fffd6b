import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk in memory, mounted over a folder until it is disposed of. */
export interface SmallDisk extends Disposable {
  /** As a kernel does to a disk with errors. */
  readOnly(on: boolean): void
}

export function smallDisk(folder: string, mib: number): SmallDisk {
  done('mount', '-t', 'tmpfs', '-o', `size=${mib}m,mode=0777`, 'tmpfs', folder)
  return {
    readOnly: (on) => done('mount', '-o', `remount,${on ? 'ro' : 'rw'}`, folder),
    [Symbol.dispose]: () => done('umount', '-l', folder),
  }
}

/** Why no disk can be mounted here, or false: for `{ skip: withoutDisks() }`. */
export function withoutDisks(): string | false {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'))
  try {
    smallDisk(folder, 1)[Symbol.dispose]()
    return false
  } catch {
    return 'no disk can be mounted here, which takes root'
  } finally {
    rmdirSync(folder)
  }
}

function done(program: string, ...words: string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${error?.message ?? stderr}`)
}
