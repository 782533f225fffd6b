import { isPromise } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { OK, type Reply } from '../wire/replies.ts'
import type { SftpSession } from './session.ts'

interface CopyRequest {
  readonly from: string
  readonly offset: number
  /** 0 = to the end of the file. */
  readonly length: number
  readonly to: string
  readonly toOffset: number
}

/** Bytes copied between two looks at the others. */
const STEP = 256 * 1024

/**
 * copy-data (draft-ietf-secsh-filexfer-extensions-00 §7; OpenSSH's PROTOCOL, 4.10): from one open file to
 * another, a step at a time so that other sessions are served between. EBADF, EINVAL when the ranges meet in one
 * file, EDQUOT, ENOSPC, ECANCELED.
 */
export async function copyData(request: CopyRequest, { handles, signal }: SftpSession): Promise<Reply> {
  const from = handles.file(request.from)
  const to = handles.file(request.to)
  await refuseOverlap()
  const data = Buffer.allocUnsafe(STEP)
  for (let done = 0; request.length === 0 || done < request.length; ) {
    if (signal.aborted) throw new OpError('ECANCELED', 'The session ended')
    const wanted = request.length === 0 ? STEP : Math.min(STEP, request.length - done)
    const count = await from.file.read([data.subarray(0, wanted)], request.offset + done)
    if (count === 0) break
    const written = to.file.write([data.subarray(0, count)], request.toOffset + done)
    if (isPromise(written)) await written
    from.read += count
    to.written += count
    done += count
    await othersFirst()
  }
  return OK

  async function refuseOverlap(): Promise<void> {
    const [source, target] = [await from.file.stat(), await to.file.stat()]
    if (source.ino !== target.ino || source.dev !== target.dev || (source.ino === 0 && from !== to)) return
    const length = request.length === 0 ? Math.max(0, source.size - request.offset) : request.length
    const apart = request.offset + length <= request.toOffset || request.toOffset + length <= request.offset
    if (!apart || request.length === 0) throw new OpError('EINVAL', 'The two ranges lie over each other')
  }
}

function othersFirst(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
