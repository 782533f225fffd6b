import type { Clock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { type Dialed, lost } from '../ssh/dial.ts'
import type { Dialer } from './connect.ts'
import { type RemoteHashes, remoteHashes } from './remote-hash.ts'
import { type RemoteFileSystem, remoteFileSystem } from './remote-vfs.ts'
import { openSession } from './sftp-session.ts'
import { together } from './together.ts'

/** First wait before connecting again, and the longest, in ms. */
const FIRST_WAIT = 200
const LONGEST_WAIT = 5_000
/** Sessions opened anew over a live connection without a byte moved, before it is taken for lost. */
const MOST_REOPENED = 8
/** ms that a server has to let go of what was stopped, before the connection is cut. */
const STOP_MS = 2_000

export interface LinkParts {
  readonly dialer: Dialer
  readonly clock: Clock
  /** ms without any byte moved after which it gives up connecting again; 0: at once. */
  readonly patienceMs: number
  /** The connection was lost, and is looked for again after `waitMs`. */
  readonly onLost?: ((why: string, waitMs: number) => void) | undefined
  readonly onBack?: (() => void) | undefined
}

/** What one try of some work is given. A session that nobody else uses, unless it is told to share. */
export interface Line {
  readonly vfs: RemoteFileSystem
  readonly hashes: RemoteHashes
  /** Whether the server is of our kind: what it holds back of an overwrite, which uploads are unfinished. */
  readonly isOurs: boolean
  /** Host and port, as they are reached from this machine. */
  readonly server: string
  /** Whether EXCL is known to be kept: rclone's server opens what is there all the same. */
  readonly keepsExclusive: boolean
  /** Runs a command there (a byte string). */
  exec(command: string): Promise<{ readonly status: number | null; readonly stdout: string }>
}

/** A connection that comes back when it was lost. */
export interface Link extends AsyncDisposable {
  /** The first connection; errors are told and not tried again. */
  open(signal?: AbortSignal): Promise<void>
  readonly server: { readonly software: string; readonly kex: string; readonly cipher: string } | undefined
  /** A line over the connection of now, which is made again when it is gone. Whoever takes it ends its session. */
  line(signal: AbortSignal): Promise<Line>
  /** A line that nobody needs for now: whoever asks next has it. */
  leave(line: Line): void
  /**
   * Does `work`, and again from its beginning whenever the connection was lost under it, with waits that grow until
   * it comes back. `moved` tells how much was moved so far: while that grows, it does not give up. When the signal
   * ends, so does the session, and a little later the connection of a server that does not let go.
   */
  lasting<T>(
    signal: AbortSignal,
    moved: () => number,
    work: (line: Line, again: boolean) => Promise<T>,
  ): Promise<T>
}

export function linkOver({ dialer, clock, patienceMs, onLost, onBack }: LinkParts): Link {
  let now: { readonly dialed: Dialed; readonly hashes: RemoteHashes } | undefined
  let isOver = false
  /** What some work has left. A server that lets us have one (OpenSSH's MaxSessions) may not yet know that it is free. */
  let idle: Line | undefined
  const end = new AbortController()

  const made = together(async (signal) => {
    const dialed = await dialer.dial(signal)
    // It may have been on its way when nobody waited for it any more.
    if (isOver || signal.aborted) {
      dialed.cut()
      throw new OpError('ECANCELED', 'Cancelled')
    }
    now = { dialed, hashes: remoteHashes(dialed) }
    return now
  })

  async function connection(
    signal: AbortSignal | undefined,
  ): Promise<{ dialed: Dialed; hashes: RemoteHashes }> {
    if (isOver) throw new OpError('ECANCELED', 'The connection was closed')
    if (now?.dialed.alive()) return now
    now?.dialed.cut()
    return made(signal === undefined ? end.signal : AbortSignal.any([end.signal, signal]))
  }

  async function line(signal: AbortSignal): Promise<Line> {
    const left = idle
    idle = undefined
    if (left?.vfs.session.alive()) return left
    const { dialed, hashes } = await connection(signal)
    const vfs = remoteFileSystem(await openSession(dialed))
    return {
      vfs,
      server: `${dialer.host}:${dialer.port}`,
      keepsExclusive: /^(MiniFTP|OpenSSH)_/.test(dialed.software),
      hashes,
      isOurs: dialed.software.startsWith('MiniFTP'),
      exec: (command) => dialed.exec(command),
    }
  }

  function leave(left: Line): void {
    if (idle?.vfs.session.alive() !== true) idle = left
    else left.vfs.session.end()
  }

  return {
    async open(signal) {
      await connection(signal)
    },
    get server() {
      return now === undefined ? undefined : { software: now.dialed.software, ...now.dialed.agreed }
    },
    line,
    leave,
    async lasting(signal, moved, work) {
      let wait = FIRST_WAIT
      let before = moved()
      let since = clock.elapsed()
      let reopened = 0
      let isLost = false
      for (let again = false; ; again = true) {
        if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
        let taken: Line | undefined
        const over = new AbortController()
        const stop = (): void => {
          taken?.vfs.session.end()
          // A server that is silent may be asked something on another channel.
          clock.sleep(STOP_MS, over.signal).then(
            () => now?.dialed.cut(),
            () => {},
          )
        }
        signal.addEventListener('abort', stop, { once: true })
        try {
          taken = await line(signal)
          if (signal.aborted) throw lost()
          if (isLost) onBack?.()
          isLost = false
          const done = await work(taken, again)
          if (!signal.aborted) {
            leave(taken)
            taken = undefined
          }
          return done
        } catch (error) {
          if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled', { cause: error })
          if (isOver || !isOpError(error) || !COMES_BACK.has(error.code)) throw error
          if (moved() > before) {
            before = moved()
            since = clock.elapsed()
            wait = FIRST_WAIT
            reopened = 0
          }
          // Only the session ended, as after a file that was given up: another one is there at once.
          if (now?.dialed.alive() && reopened++ < MOST_REOPENED) continue
          if (clock.elapsed() - since >= patienceMs) throw error
          isLost = true
          onLost?.(error.message, wait)
        } finally {
          signal.removeEventListener('abort', stop)
          over.abort()
          taken?.vfs.session.end()
        }
        await clock.sleep(wait, signal).catch((cause: unknown) => {
          throw new OpError('ECANCELED', 'Cancelled', { cause })
        })
        wait = Math.min(wait * 2, LONGEST_WAIT)
      }
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      end.abort()
      now?.dialed.cut()
    },
  }
}

/** What waiting may mend. A login that is refused, or a key that changed, is not among it. */
const COMES_BACK: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNREFUSED'])
