import type { NewAttrs, OpenFlags } from '../vfs/vfs.ts'
import { decodeAttrs, encodeAttrs } from './attrs.ts'
import { packetOf } from './builder.ts'
import { MAX_HANDLE, OpenFlag, Type } from './constants.ts'
import { Cursor } from './cursor.ts'
import type { Packet } from './frames.ts'

/** A request of a client (draft-02 §6). Paths, names and handles are byte strings. */
export type Request =
  | { readonly type: 'init'; readonly version: number }
  | {
      readonly type: 'open'
      readonly id: number
      readonly path: string
      readonly flags: OpenFlags
      readonly attrs: NewAttrs
    }
  | {
      readonly type: 'read'
      readonly id: number
      readonly handle: string
      readonly offset: number
      readonly length: number
    }
  | WriteRequest
  | {
      [Name in HandleType]: { readonly type: Name; readonly id: number; readonly handle: string }
    }[HandleType]
  | { [Name in PathType]: { readonly type: Name; readonly id: number; readonly path: string } }[PathType]
  | { readonly type: 'setstat'; readonly id: number; readonly path: string; readonly attrs: NewAttrs }
  | { readonly type: 'mkdir'; readonly id: number; readonly path: string; readonly attrs: NewAttrs }
  | { readonly type: 'fsetstat'; readonly id: number; readonly handle: string; readonly attrs: NewAttrs }
  | { readonly type: 'rename'; readonly id: number; readonly from: string; readonly to: string }
  /** The two paths in the order they came: which is which depends on the client (see sftpd). */
  | { readonly type: 'symlink'; readonly id: number; readonly first: string; readonly second: string }
  /** `body`: what follows the name; its own extension reads it. */
  | { readonly type: 'extended'; readonly id: number; readonly name: string; readonly body: Uint8Array }
  /** A packet type that is no request of version 3. */
  | { readonly type: 'unknown'; readonly id: number; readonly code: number }

export interface WriteRequest {
  readonly type: 'write'
  readonly id: number
  readonly handle: string
  readonly offset: number
  /** Views of the packet, in order. */
  readonly data: readonly Uint8Array[]
  /** Bytes in `data`. */
  readonly length: number
}

type HandleType = 'close' | 'fstat' | 'readdir'
type PathType = 'lstat' | 'stat' | 'opendir' | 'remove' | 'rmdir' | 'realpath' | 'readlink'

/** The request of this type. */
export type RequestOf<Name extends Request['type']> = Extract<Request, { type: Name }>

/** The id of a packet that is no INIT: told apart from decoding, so that a bad packet is answered too. */
export function requestId({ bytes }: Packet): number {
  return new Cursor(bytes, 1).uint32()
}

/** @throws {OpError} EPROTO when a field is cut short or cannot be. Bytes behind the last field are ignored. */
export function decodeRequest(packet: Packet): Request {
  const cursor = new Cursor(packet.bytes)
  const code = cursor.uint8()
  const id = cursor.uint32()
  const request = fields(code, id, cursor, packet)
  cursor.check()
  return request
}

function fields(code: number, id: number, cursor: Cursor, packet: Packet): Request {
  switch (code) {
    case Type.init:
      return { type: 'init', version: id }
    case Type.open:
      return {
        type: 'open',
        id,
        path: cursor.text(),
        flags: flagsOf(cursor.uint32()),
        attrs: decodeAttrs(cursor),
      }
    case Type.read:
      return { type: 'read', id, handle: handle(cursor), offset: cursor.uint64(), length: cursor.uint32() }
    case Type.write:
      return write(id, cursor, packet)
    case Type.close:
      return { type: 'close', id, handle: handle(cursor) }
    case Type.fstat:
      return { type: 'fstat', id, handle: handle(cursor) }
    case Type.readdir:
      return { type: 'readdir', id, handle: handle(cursor) }
    case Type.lstat:
      return { type: 'lstat', id, path: cursor.text() }
    case Type.stat:
      return { type: 'stat', id, path: cursor.text() }
    case Type.opendir:
      return { type: 'opendir', id, path: cursor.text() }
    case Type.remove:
      return { type: 'remove', id, path: cursor.text() }
    case Type.rmdir:
      return { type: 'rmdir', id, path: cursor.text() }
    case Type.realpath:
      return { type: 'realpath', id, path: cursor.text() }
    case Type.readlink:
      return { type: 'readlink', id, path: cursor.text() }
    case Type.setstat:
      return { type: 'setstat', id, path: cursor.text(), attrs: decodeAttrs(cursor) }
    case Type.mkdir:
      return { type: 'mkdir', id, path: cursor.text(), attrs: decodeAttrs(cursor) }
    case Type.fsetstat:
      return { type: 'fsetstat', id, handle: handle(cursor), attrs: decodeAttrs(cursor) }
    case Type.rename:
      return { type: 'rename', id, from: cursor.text(), to: cursor.text() }
    case Type.symlink:
      return { type: 'symlink', id, first: cursor.text(), second: cursor.text() }
    case Type.extended:
      return { type: 'extended', id, name: cursor.text(), body: packet.bytes.subarray(cursor.at) }
    default:
      return { type: 'unknown', id, code }
  }
}

function write(id: number, cursor: Cursor, { bytes, rest, length: total }: Packet): WriteRequest {
  const name = handle(cursor)
  const offset = cursor.uint64()
  const length = cursor.uint32()
  const here = bytes.length - cursor.at
  if (length > total - cursor.at) cursor.fail('The packet is too short for its data')
  if (offset + length > Number.MAX_SAFE_INTEGER) cursor.fail('A number is over 2^53-1')
  if (length <= here) {
    const data = length === 0 ? [] : [bytes.subarray(cursor.at, cursor.at + length)]
    return { type: 'write', id, handle: name, offset, data, length }
  }
  const data: Uint8Array[] = here > 0 ? [bytes.subarray(cursor.at)] : []
  let left = length - here
  for (const view of rest) {
    if (left === 0) break
    data.push(view.length <= left ? view : view.subarray(0, left))
    left -= Math.min(view.length, left)
  }
  return { type: 'write', id, handle: name, offset, data, length }
}

function handle(cursor: Cursor): string {
  const text = cursor.text()
  if (text.length > MAX_HANDLE) cursor.fail(`A handle has at most ${MAX_HANDLE} bytes`)
  return text
}

function flagsOf(bits: number): OpenFlags {
  return {
    read: (bits & OpenFlag.read) !== 0,
    write: (bits & OpenFlag.write) !== 0,
    append: (bits & OpenFlag.append) !== 0,
    create: (bits & OpenFlag.create) !== 0,
    truncate: (bits & OpenFlag.truncate) !== 0,
    exclusive: (bits & OpenFlag.exclusive) !== 0,
  }
}

function bitsOf(flags: OpenFlags): number {
  return (
    (flags.read ? OpenFlag.read : 0) |
    (flags.write ? OpenFlag.write : 0) |
    (flags.append ? OpenFlag.append : 0) |
    (flags.create ? OpenFlag.create : 0) |
    (flags.truncate ? OpenFlag.truncate : 0) |
    (flags.exclusive ? OpenFlag.exclusive : 0)
  )
}

/** The packet of a request, with its length: what a client sends. */
export function encodeRequest(request: Request): Uint8Array {
  if (request.type === 'init') return packetOf(Type.init).uint32(request.version).packet()
  if (request.type === 'unknown') return packetOf(request.code).uint32(request.id).packet()
  const builder = packetOf(Type[request.type]).uint32(request.id)
  switch (request.type) {
    case 'open':
      builder.text(request.path).uint32(bitsOf(request.flags))
      encodeAttrs(builder, request.attrs)
      break
    case 'read':
      builder.text(request.handle).uint64(request.offset).uint32(request.length)
      break
    case 'write':
      builder.text(request.handle).uint64(request.offset).uint32(request.length)
      for (const view of request.data) builder.raw(view)
      break
    case 'setstat':
    case 'mkdir':
      builder.text(request.path)
      encodeAttrs(builder, request.attrs)
      break
    case 'fsetstat':
      builder.text(request.handle)
      encodeAttrs(builder, request.attrs)
      break
    case 'rename':
      builder.text(request.from).text(request.to)
      break
    case 'symlink':
      builder.text(request.first).text(request.second)
      break
    case 'extended':
      builder.text(request.name).raw(request.body)
      break
    case 'close':
    case 'fstat':
    case 'readdir':
      builder.text(request.handle)
      break
    default:
      builder.text(request.path)
  }
  return builder.packet()
}
