import { readFile, stat } from 'node:fs/promises'

/** What a shell hands over by a name, as for `<(…)`, comes to its end. */
const HANDED = /^\/dev\/(?:null|stdin|fd\/\d+)$|^\/proc\/self\/fd\/\d+$/

/**
 * A file that a person has named, whole. Errors are Node's. A FIFO or a device is one, too: it may never come to its end, and who
 * waits for it in a thread cannot be ended by ^C.
 */
export async function ownFile(name: string): Promise<Buffer> {
  const found = await stat(name)
  if (!found.isFile() && !found.isDirectory() && !HANDED.test(name))
    throw Object.assign(new Error(`"${name}" is no regular file`), { code: 'no regular file' })
  return readFile(name)
}
