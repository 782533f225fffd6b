import { isPromise } from '../base/awaitable.ts'
import { type Moved, type PumpOptions, pump } from '../transfer/pump.ts'
import type { FileHandle } from '../vfs/vfs.ts'
import type { RemoteFile } from './remote-file.ts'

/** Bytes of a file here into one at the server, read straight into the packets; answers where it ended. */
export function sendBytes(source: FileHandle, target: RemoteFile, options: PumpOptions): Promise<number> {
  const later = async (at: number, length: number): Promise<number> => {
    const place = new Uint8Array(length)
    const count = await filled(source, [place], at)
    if (count > 0) await target.write([place.subarray(0, count)], at)
    return count
  }
  return pump(
    options,
    (at, length, done) => {
      if (source.quick?.() === true)
        return target.writeFrom(at, length, (places) => filledNow(source, places, at), done)
      if (!target.hasRoom()) return false
      later(at, length).then(done, (error: unknown) => done(0, error))
      return true
    },
    target.whenRoom,
  )
}

/**
 * Bytes of a file at the server into one here, written from where they came to lie; answers where it ended.
 * `onBytes`: lent for the call, with their place; in order where the server answers in order.
 */
export function fetchBytes(
  source: RemoteFile,
  target: FileHandle,
  options: PumpOptions,
  onBytes?: (views: readonly Uint8Array[], at: number) => void,
): Promise<number> {
  const take = (at: number, end: number, begin: number, done: Moved): void =>
    source.readTo(
      at,
      end - at,
      (views, count) => {
        onBytes?.(views, at)
        const wrote = target.write(views, at)
        const next = (): void => (at + count < end ? take(at + count, end, begin, done) : done(end - begin))
        if (!isPromise(wrote)) next()
        else wrote.then(next, (error: unknown) => done(0, error))
      },
      (error) => done(at - begin, error),
    )
  return pump(
    options,
    (at, length, done) => {
      take(at, at + length, at, done)
      return true
    },
    () => {},
  )
}

/** Reads until `places` are full, or the file ends. */
async function filled(file: FileHandle, places: readonly Uint8Array[], at: number): Promise<number> {
  let count = 0
  for (let rest = places; rest.length > 0; rest = behind(places, count)) {
    const more = await file.read(rest, at + count)
    if (more === 0) break
    count += more
  }
  return count
}

/** The same of a file that answers at once. */
function filledNow(file: FileHandle, places: readonly Uint8Array[], at: number): number {
  let count = 0
  for (let rest = places; rest.length > 0; rest = behind(places, count)) {
    const more = file.read(rest, at + count)
    if (isPromise(more)) throw new TypeError('A quick file answers at once')
    if (more === 0) break
    count += more
  }
  return count
}

/** What of `places` lies behind their first `count` bytes. */
function behind(places: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  const rest: Uint8Array[] = []
  for (const place of places) {
    if (left < place.length) rest.push(place.subarray(left))
    left = Math.max(0, left - place.length)
  }
  return rest
}
