import { openSync } from 'node:fs'
import { DESCRIPTORS, ENTER, pathOf, realPath } from './jail.ts'

/** Does `work`, which must not wait; `place` gives what names a name of the open `folder` to Node meanwhile. */
export type InFolder = <T>(folder: number, work: (place: (name: string) => string | Buffer) => T) => T

/** For a program that is not ours alone, and threads: the process stays where it is. */
export const fromAfar: InFolder = (folder, work) => work((name) => realPath(folder, name))

/**
 * With the folder as the working directory, by `chdir`: a bare name costs the kernel half of what it does behind
 * `/proc/PID/fd/N/`, and is as sure to be that folder's. The working directory is all threads': nothing else of the
 * program may name a relative path off the loop.
 */
export function onTheSpot(chdir: (folder: string) => void): InFolder {
  // Held open: it may be moved or removed meanwhile.
  const before = openSync('.', ENTER)
  return (folder, work) => {
    chdir(`${DESCRIPTORS}/${folder}`)
    try {
      return work(pathOf)
    } finally {
      chdir(`${DESCRIPTORS}/${before}`)
    }
  }
}
