import type { Awaitable } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { escapeText, shown, textBytes } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import { splitWords } from '../commands/words.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import { inputOf } from './input.ts'
import { receive } from './receive.ts'
import { send } from './send.ts'

export interface ScpParts {
  readonly open: (session: Session) => Awaitable<VirtualFileSystem>
}

/** What a transfer of the old protocol is given. */
export interface ScpLine {
  readonly input: ReturnType<typeof inputOf>
  write(bytes: Uint8Array | string): Promise<void>
  /** Tells the other side that one file went wrong; the transfer goes on. */
  warn(error: unknown): Promise<void>
  /** Whether the other side takes what it was told of; if not, it has said why. ECANCELED when it gave up or went away. */
  taken(): Promise<boolean>
  readonly recursive: boolean
  readonly times: boolean
  readonly targetIsFolder: boolean
  /** The target was written with a slash at its end: a file cannot be made of that name. */
  readonly targetEndsInSlash: boolean
  readonly signal: AbortSignal
}

/** Whether a command is one for `scp -t` or `scp -f`, as `scp -O` sends them. */
export function isScp(command: string): boolean {
  return /^scp\s+(-\S+\s+)*-[a-zA-Z]*[tf]/.test(command)
}

/** The session handler of `exec scp -t|-f`: the protocol of rcp, as OpenSSH's `scp -O` speaks it. */
export function scp({ open }: ScpParts): SessionHandler {
  return async (session) => {
    const { channel, request, log } = session
    let failures = 0
    try {
      const { flags, names } = wordsOf(request.type === 'exec' ? request.command : '')
      await using vfs = await open(session)
      const input = inputOf(channel.input)
      const line: ScpLine = {
        input,
        write: (bytes) => channel.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
        async warn(error) {
          failures += 1
          noteRefusal(error, log)
          await channel.write(Buffer.from(`\x01scp: ${textOf(error)}\n`, 'latin1'))
        },
        async taken() {
          const answer = await input.byte()
          if (answer === 0) return true
          const sentence = answer === undefined ? undefined : await input.line()
          if (answer !== 1)
            throw new OpError(
              'ECANCELED',
              sentence === undefined ? 'The other side went away' : 'The other side gave up',
            )
          failures += 1
          return false
        },
        recursive: flags.has('r'),
        times: flags.has('p'),
        targetIsFolder: flags.has('d'),
        targetEndsInSlash: names[0]?.endsWith('/') === true,
        signal: session.signal,
      }
      if (flags.has('t')) await receive(vfs, virtualPath(names[0] ?? '.'), line, log)
      else for (const name of names) await send(vfs, name, line, log)
      return failures === 0 ? 0 : 1
    } catch (error) {
      if (session.signal.aborted) return 130
      noteRefusal(error, log)
      await channel.write(Buffer.from(`\x02scp: ${textOf(error)}\n`, 'latin1'))
      return 1
    }
  }
}

function noteRefusal(error: unknown, log: Log): void {
  if (isOpError(error)) {
    const { path, code, message } = error
    log.info('request refused', { path: path && shown(path), code, message: escapeText(message) })
  } else log.error('scp failed', error)
}

/** One line of at most 500 bytes: the other side prints it. */
function textOf(error: unknown): string {
  return textBytes(isOpError(error) ? error.message : 'Internal error').slice(0, 500)
}

function wordsOf(command: string): {
  readonly flags: ReadonlySet<string>
  readonly names: readonly string[]
} {
  const words = splitWords(command)
    .slice(1)
    .map(({ text }) => text)
  const flags = new Set<string>()
  let at = 0
  for (; at < words.length && words[at]!.startsWith('-') && words[at] !== '-'; at++) {
    if (words[at] === '--') {
      at += 1
      break
    }
    for (const flag of words[at]!.slice(1)) flags.add(flag)
  }
  const names = words.slice(at)
  if (names.length === 0 || (flags.has('t') && names.length > 1))
    throw new OpError('EUSAGE', 'scp needs one target, or files to send')
  return { flags, names }
}
