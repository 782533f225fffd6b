// Over 300 lines: one session's requests, their order and their replies lie in the same few fields; apart they would be shared.
import { OpError } from '../base/error.ts'
import { type Dialed, lost, type Subsystem } from '../ssh/dial.ts'
import { roundTrip } from '../ssh/round-trip.ts'
import { Builder, packetOf } from '../wire/builder.ts'
import { Status, Type } from '../wire/constants.ts'
import { Cursor } from '../wire/cursor.ts'
import { Frames, type Packet } from '../wire/frames.ts'
import { decodeReply, decodeVersion, type Name, type Reply } from '../wire/replies.ts'
import { encodeRequest, type Request } from '../wire/requests.ts'
import { errorOfStatus } from './status-error.ts'

/** What every server takes in one READ or WRITE (draft-02 §3), in bytes; more only where it says so. */
const DATA_OF_ALL = 32 * 1024
/** Most that we ask for or send in one, in bytes. */
const MOST_DATA = 255 * 1024
/** Extensions that are remembered of a VERSION. */
const MOST_EXTENSIONS = 256

/** What one READ or WRITE may carry, in bytes; handles at a time, 0 when not told. */
export interface SessionLimits {
  readonly read: number
  readonly write: number
  readonly handles: number
}

type Answer<Kind extends Reply['type']> = Extract<Reply, { type: Kind }>
/** A request without its id, which is the session's. */
type Distribute<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never
export type Ask = Distribute<Exclude<Request, { type: 'write' | 'read' | 'unknown' }>>

interface Waiter {
  packet(packet: Packet): void
  fail(error: OpError): void
}

/** One SFTP session (version 3) from the client's side: any number of requests under way, each answered once. */
export interface SftpSession {
  readonly extensions: ReadonlyMap<string, string>
  readonly limits: SessionLimits
  /** The shortest time in which a question was answered while no other was under way, in ms; Infinity: none was yet. */
  readonly roundTripMs: () => number
  /** A reply of this kind; a STATUS that is not ok is its OpError. `path` is for its sentence. */
  ask<Kind extends Reply['type']>(kind: Kind, request: Ask, path?: string): Promise<Answer<Kind>>
  /** An extension's reply, behind its head. ENOTSUP. */
  extended(name: string, body: Uint8Array, path?: string): Promise<Cursor>
  /** The next names of an open folder; undefined at its end. */
  readdir(handle: string, path: string): Promise<readonly Name[] | undefined>
  /** Bytes put into `into`; 0 at the end of the file. */
  read(handle: string, offset: number, into: readonly Uint8Array[], path: string): Promise<number>
  /** The bytes of one READ where they came to lie, lent to `take`; or `over`: without an error at the end of the file. */
  readTo(
    handle: string,
    offset: number,
    length: number,
    take: (views: readonly Uint8Array[], count: number) => void,
    over: (error?: unknown) => void,
    path: string,
  ): void
  /** `data` is taken before this returns. */
  write(handle: string, offset: number, data: readonly Uint8Array[], path: string): Promise<void>
  /**
   * One WRITE whose bytes `fill` puts where they are sent from; it answers how many there are, fewer than `length`
   * only at the end of its file. `done` is called once. False: there is no room now, and nothing was asked of `fill`.
   */
  writeFrom(
    handle: string,
    offset: number,
    length: number,
    fill: (places: readonly Uint8Array[]) => number,
    done: (count: number, error?: unknown) => void,
    path: string,
  ): boolean
  hasRoom(): boolean
  /** Calls `again` once, when there is room after there was none; at once when the session ended. */
  whenRoom(again: () => void): void
  readonly alive: () => boolean
  /** The channel closes at once: what is open there is not closed for good. */
  end(): void
}

/** EPROTO, ENOTSUP, ECONNRESET. */
export async function openSession(dialed: Dialed): Promise<SftpSession> {
  const waiting = new Map<number, Waiter>()
  const frames = new Frames()
  const version = Promise.withResolvers<ReadonlyMap<string, string>>()
  // Awaited below, but it may fail before.
  version.promise.catch(() => {})
  let over: OpError | undefined
  let greeted = false
  let came = 0
  const roomless: (() => void)[] = []
  /** Requests that found no room, in order. */
  let held: Uint8Array[] = []
  let subsystem: Subsystem | undefined
  let flushing = false
  let lastId = 0
  const trip = roundTrip()

  const stop = (error: OpError): void => {
    if (over !== undefined) return
    over = error
    version.reject(error)
    const left = [...waiting.values()]
    waiting.clear()
    held = []
    for (const waiter of left) waiter.fail(error)
    for (const again of roomless.splice(0)) again()
    subsystem?.close()
  }

  const serve = (packet: Packet): void => {
    if (!greeted) {
      greeted = true
      const { extensions } = decodeVersion(packet.bytes)
      version.resolve(new Map(extensions.slice(0, MOST_EXTENSIONS).map(({ name, data }) => [name, data])))
      return
    }
    const id = new Cursor(packet.bytes, 1).uint32()
    const waiter = waiting.get(id)
    if (waiter === undefined) throw new OpError('EPROTO', 'The server answered what was not asked')
    waiting.delete(id)
    waiter.packet(packet)
  }

  subsystem = await dialed.subsystem('sftp', {
    bytes(chunk) {
      came += chunk.length
      frames.push(chunk)
    },
    settle() {
      const count = came
      came = 0
      try {
        for (let packet = frames.next(); packet !== undefined; packet = frames.next()) serve(packet)
        frames.keep(true)
      } catch (error) {
        stop(
          error instanceof OpError
            ? error
            : new OpError('EPROTO', 'The server sent what cannot be', { cause: error }),
        )
      }
      subsystem?.credit(count)
    },
    end: () => stop(lost()),
    room() {
      for (const bytes of held.splice(0)) put(bytes)
      for (const again of roomless.splice(0)) again()
    },
  })
  const { writer } = subsystem

  const hasRoom = (): boolean => held.length === 0 && writer.room() > 0

  /** What an answer says, to whoever waits for it; what cannot be is the end of the session, too. */
  function told(look: () => void, good: () => void, bad: (error: unknown) => void): void {
    try {
      look()
    } catch (error) {
      bad(error)
      if (error instanceof OpError && error.code === 'EPROTO') stop(error)
      return
    }
    good()
  }

  function flush(): void {
    if (flushing) return
    flushing = true
    // Behind all that this turn still asks.
    setImmediate(() => {
      flushing = false
      if (over === undefined) writer.flush()
    })
  }

  /** Behind those that wait, or a CLOSE would overtake its WRITEs. */
  function put(bytes: Uint8Array): void {
    if (held.length > 0) {
      held.push(bytes)
      return
    }
    writer.put(bytes)
    flush()
  }

  function nextId(): number {
    do lastId = (lastId + 1) >>> 0
    while (waiting.has(lastId))
    return lastId
  }

  function request<T>(send: (id: number) => void, answer: (packet: Packet) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (over !== undefined) return reject(over)
      const id = nextId()
      const isAlone = waiting.size === 0
      if (isAlone) trip.told()
      waiting.set(id, {
        packet(packet) {
          if (isAlone) trip.heard()
          try {
            resolve(answer(packet))
          } catch (error) {
            reject(error)
            if (error instanceof OpError && error.code === 'EPROTO') stop(error)
          }
        },
        fail: reject,
      })
      send(id)
    })
  }

  function ask<Kind extends Reply['type']>(kind: Kind, asked: Ask, path = ''): Promise<Answer<Kind>> {
    return request(
      (id) => put(encodeRequest({ ...asked, id } as Request)),
      (packet) => {
        const { reply } = decodeReply(packet.bytes)
        if (reply.type === 'status' && (kind !== 'status' || reply.code !== Status.ok))
          throw errorOfStatus(reply, path)
        if (!isOf(reply, kind))
          throw new OpError('EPROTO', `The server answered with ${reply.type} where ${kind} belongs`)
        return reply
      },
    )
  }

  function extended(name: string, body: Uint8Array, path = ''): Promise<Cursor> {
    return request(
      (id) => put(encodeRequest({ type: 'extended', id, name, body })),
      ({ bytes }) => {
        const { reply } = decodeReply(bytes)
        if (reply.type === 'status') throw errorOfStatus(reply, path)
        if (reply.type !== 'extendedReply')
          throw new OpError('EPROTO', `The server answered "${name}" with ${reply.type}`)
        // What it holds lies in memory that is only lent.
        return new Cursor(Buffer.from(reply.body))
      },
    )
  }

  put(encodeRequest({ type: 'init', version: 3 }))
  const extensions = await version.promise
  const session: SftpSession = {
    extensions,
    limits: { read: DATA_OF_ALL, write: DATA_OF_ALL, handles: 0 },
    roundTripMs: () => trip.ms,
    ask,
    extended,
    readdir: (handle, path) =>
      request(
        (id) => put(encodeRequest({ type: 'readdir', id, handle })),
        ({ bytes }) => {
          const { reply } = decodeReply(bytes)
          if (reply.type === 'name') return reply.names
          if (reply.type !== 'status' || reply.code === Status.ok)
            throw new OpError('EPROTO', `The server answered a READDIR with ${reply.type}`)
          if (reply.code === Status.eof) return undefined
          throw errorOfStatus(reply, path)
        },
      ),
    read: (handle, offset, into, path) => {
      const length = into.reduce((sum, { length }) => sum + length, 0)
      return request(
        (id) => put(encodeRequest({ type: 'read', id, handle, offset, length })),
        (packet) => dataInto(into, packet, length, path),
      )
    },
    readTo(handle, offset, length, take, ended, path) {
      if (over !== undefined) return ended(over)
      const id = nextId()
      let isOver = false
      waiting.set(id, {
        packet: (packet) =>
          told(
            () => {
              const { views, count } = dataOf(packet, length, path)
              if (count > 0) take(views, count)
              else isOver = true
            },
            () => isOver && ended(),
            ended,
          ),
        fail: ended,
      })
      put(encodeRequest({ type: 'read', id, handle, offset, length }))
    },
    write(handle, offset, data, path) {
      const length = data.reduce((sum, view) => sum + view.length, 0)
      return request(
        (id) => {
          const head = writeHead(id, handle, offset, length)
          if (!hasRoom()) {
            held.push(Buffer.concat([head, ...data]))
            return
          }
          writer.put(head)
          for (const view of data) writer.put(view)
          flush()
        },
        (packet) => mustBeWritten(packet, path),
      )
    },
    writeFrom(handle, offset, length, fill, done, path) {
      if (over !== undefined) {
        done(0, over)
        return true
      }
      if (!hasRoom()) return false
      const id = nextId()
      const head = writeHead(id, handle, offset, length)
      writer.put(head)
      let count = 0
      let failure: unknown
      try {
        count = fill(writer.reserve(length))
      } catch (error) {
        failure = error
      }
      if (count === length) {
        waiting.set(id, {
          packet: (packet) =>
            told(
              () => mustBeWritten(packet, path),
              () => done(count),
              (error) => done(0, error),
            ),
          fail: (error) => done(0, error),
        })
        flush()
        return true
      }
      // The length is in front, and sealed with the rest: it is taken back, and what there is goes out as a WRITE of its own.
      writer.rewind(head.length + length)
      if (count > 0) return session.writeFrom(handle, offset, count, fill, done, path)
      done(0, failure)
      return true
    },
    hasRoom,
    whenRoom(again) {
      if (over === undefined) roomless.push(again)
      else again()
    },
    alive: () => over === undefined && dialed.alive(),
    end: () => stop(lost()),
  }
  return { ...session, limits: await askLimits(session) }
}

function isOf<Kind extends Reply['type']>(reply: Reply, kind: Kind): reply is Answer<Kind> {
  return reply.type === kind
}

/** A WRITE's packet up to its data. */
function writeHead(id: number, handle: string, offset: number, length: number): Uint8Array {
  const head = packetOf(Type.write, 32 + handle.length)
    .uint32(id)
    .text(handle)
    .uint64(offset)
    .uint32(length)
    .done()
  Buffer.from(head.buffer, head.byteOffset, head.length).writeUInt32BE(head.length - 4 + length, 0)
  return head
}

/** Of a STATUS that says no, its error. */
function mustBeWritten({ bytes }: Packet, path: string): void {
  const { reply } = decodeReply(bytes)
  if (reply.type !== 'status') throw new OpError('EPROTO', 'The server answered a WRITE with no status')
  if (reply.code !== Status.ok) throw errorOfStatus(reply, path)
}

/** The data of a reply to READ, where they lie; none at the end of the file. */
function dataOf(
  { bytes, rest, length }: Packet,
  asked: number,
  path: string,
): { readonly views: readonly Uint8Array[]; readonly count: number } {
  if (bytes[0] !== Type.data) {
    const { reply } = decodeReply(bytes)
    if (reply.type !== 'status') throw new OpError('EPROTO', `The server answered a READ with ${reply.type}`)
    if (reply.code === Status.eof) return { views: [], count: 0 }
    throw errorOfStatus(reply, path)
  }
  const count = new Cursor(bytes, 5).uint32()
  if (count > asked || count !== length - DATA_HEAD || count === 0)
    throw new OpError('EPROTO', 'The server sent other data than were asked for')
  return { views: [bytes.subarray(DATA_HEAD), ...rest], count }
}

/** The same, put where they were wanted. */
function dataInto(into: readonly Uint8Array[], packet: Packet, asked: number, path: string): number {
  const { views, count } = dataOf(packet, asked, path)
  let place = 0
  let at = 0
  for (const view of views) {
    for (let from = 0; from < view.length; ) {
      const free = into[place]!
      const piece = view.subarray(from, from + free.length - at)
      free.set(piece, at)
      from += piece.length
      at += piece.length
      if (at === free.length) {
        place++
        at = 0
      }
    }
  }
  return count
}

/** Type, id and length of the data. */
const DATA_HEAD = 1 + 4 + 4

/** What limits@openssh.com says (PROTOCOL 4.8); where it does not, what every server takes. */
async function askLimits(session: SftpSession): Promise<SessionLimits> {
  const { limits, extensions } = session
  if (!extensions.has('limits@openssh.com')) return limits
  const cursor = await session.extended('limits@openssh.com', new Builder(0).done())
  const packet = cursor.uint64()
  const read = cursor.uint64()
  const write = cursor.uint64()
  const handles = cursor.uint64()
  cursor.check()
  const fits = (told: number, room: number): number =>
    Math.max(1024, Math.min(told || DATA_OF_ALL, (packet || MOST_DATA + 1024) - room, MOST_DATA))
  return { read: fits(read, 64), write: fits(write, 512), handles }
}
