import type { Stat } from '../vfs/vfs.ts'
import { decodeStat, encodeStat } from './attrs.ts'
import { packetOf } from './builder.ts'
import { Status, Type } from './constants.ts'
import { Cursor } from './cursor.ts'

/** A reply to a request (draft-02 §7). Texts are byte strings. */
export type Reply =
  | { readonly type: 'status'; readonly code: number; readonly message: string }
  | { readonly type: 'handle'; readonly handle: string }
  | { readonly type: 'data'; readonly data: Uint8Array }
  | { readonly type: 'name'; readonly names: readonly Name[] }
  | { readonly type: 'attrs'; readonly stat: Stat }
  /** `body`: what its extension says. */
  | { readonly type: 'extendedReply'; readonly body: Uint8Array }

/** A reply that is a packet already, but for its id. */
export interface WrittenReply {
  readonly type: 'packet'
  readonly packet: Uint8Array
}

/** One name of a NAME reply. REALPATH and READLINK have no stat to tell. */
export interface Name {
  readonly name: string
  readonly longname: string
  readonly stat?: Stat | undefined
}

export interface Extension {
  readonly name: string
  readonly data: string
}

/** The answer to INIT (§4). */
export interface Version {
  readonly version: number
  readonly extensions: readonly Extension[]
}

/** Where the id is: behind length and type. */
const ID_AT = 4 + 1

export const OK: Reply = { type: 'status', code: Status.ok, message: '' }
export const EOF: Reply = { type: 'status', code: Status.eof, message: 'End of file' }

/** The packet of a reply, with its length. */
export function encodeReply(id: number, reply: Reply | WrittenReply): Uint8Array {
  switch (reply.type) {
    case 'status':
      return packetOf(Type.status, 32 + reply.message.length)
        .uint32(id)
        .uint32(reply.code)
        .text(reply.message)
        .text('')
        .packet()
    case 'handle':
      return packetOf(Type.handle).uint32(id).text(reply.handle).packet()
    case 'data':
      return packetOf(Type.data, reply.data.length + 16)
        .uint32(id)
        .bytes(reply.data)
        .packet()
    case 'name':
      return encodeNames(id, reply.names)
    case 'attrs': {
      const builder = packetOf(Type.attrs).uint32(id)
      encodeStat(builder, reply.stat)
      return builder.packet()
    }
    case 'extendedReply':
      return packetOf(Type.extendedReply, reply.body.length + 16)
        .uint32(id)
        .raw(reply.body)
        .packet()
    case 'packet':
      putUint32(reply.packet, ID_AT, id)
      return reply.packet
  }
}

function encodeNames(id: number, names: readonly Name[]): Uint8Array {
  const builder = packetOf(Type.name).uint32(id).uint32(names.length)
  for (const { name, longname, stat } of names) {
    builder.text(name).text(longname)
    if (stat === undefined) builder.uint32(0)
    else encodeStat(builder, stat)
  }
  return builder.packet()
}

/** Bytes of a DATA packet in front of its data: length, type, id, length of the data. */
export const DATA_HEAD = 4 + 1 + 4 + 4

/** A DATA packet's head; the data are put behind it by whoever reads them. */
export function encodeDataHead(into: Uint8Array, id: number, length: number): void {
  putUint32(into, 0, DATA_HEAD - 4 + length)
  into[4] = Type.data
  putUint32(into, ID_AT, id)
  putUint32(into, 9, length)
}

/** A STATUS ok, the most common of replies, made once; only its id changes. */
const ok = encodeReply(0, OK)

/** The packet of a STATUS ok. Good until the next call. */
export function encodeOk(id: number): Uint8Array {
  putUint32(ok, ID_AT, id)
  return ok
}

export function encodeVersion({ version, extensions }: Version): Uint8Array {
  const builder = packetOf(Type.version, 512).uint32(version)
  for (const { name, data } of extensions) builder.text(name).text(data)
  return builder.packet()
}

/** A packet of a server, without its length. @throws {OpError} EPROTO. */
export function decodeReply(packet: Uint8Array): { readonly id: number; readonly reply: Reply } {
  const cursor = new Cursor(packet)
  const code = cursor.uint8()
  const id = cursor.uint32()
  const reply = fields(code, cursor, packet)
  cursor.check()
  return { id, reply }
}

/** @throws {OpError} EPROTO. */
export function decodeVersion(packet: Uint8Array): Version {
  const cursor = new Cursor(packet)
  if (cursor.uint8() !== Type.version) cursor.fail('The server did not answer INIT with VERSION')
  const version = cursor.uint32()
  const extensions: Extension[] = []
  while (cursor.left > 0) extensions.push({ name: cursor.text(), data: cursor.text() })
  cursor.check()
  return { version, extensions }
}

function fields(code: number, cursor: Cursor, packet: Uint8Array): Reply {
  switch (code) {
    case Type.status: {
      const status = cursor.uint32()
      const message = cursor.left > 0 ? cursor.text() : ''
      return { type: 'status', code: status, message }
    }
    case Type.handle:
      return { type: 'handle', handle: cursor.text() }
    case Type.data:
      return { type: 'data', data: cursor.bytes() }
    case Type.name:
      return { type: 'name', names: names(cursor) }
    case Type.attrs:
      return { type: 'attrs', stat: decodeStat(cursor) }
    case Type.extendedReply:
      return { type: 'extendedReply', body: packet.subarray(cursor.at) }
    default:
      cursor.fail(`A packet of type ${code} is no reply`)
      return OK
  }
}

function names(cursor: Cursor): Name[] {
  const count = cursor.uint32()
  const names: Name[] = []
  // A name takes twelve bytes at least: a larger count is a lie, and no reason to loop.
  if (count > cursor.left / 12) cursor.fail('There are not that many names')
  else
    for (let i = 0; i < count; i++)
      names.push({ name: cursor.text(), longname: cursor.text(), stat: decodeStat(cursor) })
  return names
}

function putUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
}
