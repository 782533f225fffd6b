import { openSync } from 'node:fs'
import { DESCRIPTORS, ENTER, pathOf, realPath } from './jail.ts'

/** Does `work`, which must not wait; `place` gives what names a name of the open `folder` to Node meanwhile. */
export type InFolder = <T>(folder: number, work: (place: (name: string) => string | Buffer) => T) => T

/** For a program that is not ours alone, and threads: the process stays where it is. */
export const fromAfar: InFolder = (folder, work) => work((name) => realPath(folder, name))

/**
 * With the folder as the working directory, by `chdir`: a bare name costs the kernel half of what it does behind
 * `/proc/PID/fd/N/`, and is as sure to be that folder's. The working directory is all threads': nothing else of the
 * program may name a relative path off the loop, nor ask where the process is. A thread that starts does: from afar
 * while `threadStarts`, and where the process could not come back to the folder in which it was started.
 */
export function onTheSpot(chdir: (folder: string) => void, threadStarts: () => boolean): InFolder {
  // Held open: it may be moved or removed meanwhile.
  const before = heldOpen('.')
  let returns = before !== undefined
  const back = (): void => {
    try {
      chdir(`${DESCRIPTORS}/${before}`)
    } catch (cause) {
      // It was closed to us meanwhile. Never left in a user's folder: what is named relative must not be found there.
      returns = false
      chdir('/')
      throw new Error('The folder in which the server was started cannot be entered any more', { cause })
    }
  }
  return (folder, work) => {
    if (!returns || threadStarts()) return fromAfar(folder, work)
    chdir(`${DESCRIPTORS}/${folder}`)
    try {
      return work(pathOf)
    } finally {
      back()
    }
  }
}

/** Its descriptor; undefined when this user may not enter it. */
function heldOpen(folder: string): number | undefined {
  try {
    return openSync(folder, ENTER)
  } catch {
    return undefined
  }
}
