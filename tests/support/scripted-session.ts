import { openSession, type SftpSession } from '../../src/client/sftp-session.ts'
import type { Dialed } from '../../src/ssh/dial.ts'
import type { Stat } from '../../src/vfs/vfs.ts'
import { Status } from '../../src/wire/constants.ts'
import { Frames } from '../../src/wire/frames.ts'
import { encodeReply, encodeVersion, type Reply } from '../../src/wire/replies.ts'
import { decodeRequest, type Request } from '../../src/wire/requests.ts'
import { MemoryChannel } from './memory-channel.ts'

export type Answer = (reply: Reply) => void
type Served = Exclude<Request, { type: 'init' }>

/** A client's SFTP session whose server is a function of the test: it answers when, and in what order, it likes. */
export interface ScriptedSession {
  readonly session: SftpSession
  readonly channel: MemoryChannel
  /** Every request so far, in order; a WRITE's data are copied. */
  readonly asked: readonly Served[]
  /** Their types, for looking at the order. */
  readonly types: () => readonly string[]
  /** Answers once so many requests have come. */
  came(count: number): Promise<void>
}

export async function scriptedSession(
  serve: (request: Served, answer: Answer) => void,
  extensions: readonly string[] = [],
): Promise<ScriptedSession> {
  const channel = new MemoryChannel()
  const asked: Served[] = []
  const waiting: { readonly count: number; readonly come: () => void }[] = []
  const dialed = {
    alive: () => true,
    subsystem: async (_: string, sink: Parameters<Dialed['subsystem']>[1]) => ({
      ...channel.packets(sink),
      close() {},
    }),
  } as unknown as Dialed

  const hear = async (): Promise<void> => {
    await channel.packet()
    channel.send(encodeVersion({ version: 3, extensions: extensions.map((name) => ({ name, data: '1' })) }))
    for (;;) {
      const request = decodeRequest(packetOf(await channel.packet()))
      if (request.type === 'init') throw new Error('INIT came twice')
      asked.push(request)
      serve(request, (reply) => channel.send(encodeReply(request.id, reply)))
      for (const { count, come } of waiting) if (asked.length >= count) come()
    }
  }
  const opened = openSession(dialed)
  hear().catch((error: unknown) => queueMicrotask(() => Promise.reject(error)))
  return {
    session: await opened,
    channel,
    asked,
    types: () => asked.map(({ type }) => type),
    came: (count) =>
      new Promise((come) => {
        if (asked.length >= count) come()
        else waiting.push({ count, come })
      }),
  }
}

/** A whole packet as a reader of frames gives it, in memory of its own. */
function packetOf(bytes: Uint8Array) {
  const frames = new Frames()
  const whole = Buffer.alloc(4 + bytes.length)
  whole.writeUInt32BE(bytes.length)
  whole.set(bytes, 4)
  frames.push(whole)
  return frames.next()!
}

export function refusal(code: number = Status.failure, message = 'No'): Reply {
  return { type: 'status', code, message }
}

export function statOf(size: number, mtime = 1_000): Stat {
  return {
    kind: 'file',
    size,
    mode: 0o100644,
    uid: 1,
    gid: 1,
    atime: mtime,
    mtime,
    nlink: 1,
    dev: 1,
    ino: 1,
  }
}
