import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stat } from '../../../src/vfs/vfs.ts'
import { Frames } from '../../../src/wire/frames.ts'
import {
  decodeReply,
  decodeVersion,
  EOF,
  encodeOk,
  encodeReply,
  encodeVersion,
  OK,
  type Reply,
} from '../../../src/wire/replies.ts'
import { decodeRequest, encodeRequest, type Request } from '../../../src/wire/requests.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')

/** What a client sends, byte by byte as the draft lays it out. */
const REQUESTS: readonly (readonly [hex: string, request: Request])[] = [
  ['00000005 01 00000003', { type: 'init', version: 3 }],
  [
    '00000019 03 00000001 00000004 2f612e62 0000001a 00000004 000001a4',
    {
      type: 'open',
      id: 1,
      path: '/a.b',
      flags: { read: false, write: true, append: false, create: true, truncate: true, exclusive: false },
      attrs: { mode: 0o644 },
    },
  ],
  ['0000000d 04 00000002 00000004 00000001', { type: 'close', id: 2, handle: '\0\0\0\x01' }],
  [
    '00000019 05 00000003 00000004 68616e64 0000000100000002 00008000',
    { type: 'read', id: 3, handle: 'hand', offset: 2 ** 32 + 2, length: 32768 },
  ],
  [
    '0000001b 06 00000004 00000004 68616e64 0000000000000007 00000002 ff00',
    { type: 'write', id: 4, handle: 'hand', offset: 7, data: [bytes('ff00')], length: 2 },
  ],
  ['0000000b 07 00000005 00000002 2f61', { type: 'lstat', id: 5, path: '/a' }],
  ['0000000b 08 00000006 00000002 6831', { type: 'fstat', id: 6, handle: 'h1' }],
  [
    '0000002b 09 00000007 00000002 2f61 0000000f 0000000000000005 000003e8 000003e9 000001ff 00000001 00000002',
    {
      type: 'setstat',
      id: 7,
      path: '/a',
      attrs: { size: 5, uid: 1000, gid: 1001, mode: 0o777, atime: 1, mtime: 2 },
    },
  ],
  ['0000000f 0a 00000008 00000002 6831 00000000', { type: 'fsetstat', id: 8, handle: 'h1', attrs: {} }],
  ['0000000a 0b 00000009 00000001 2f', { type: 'opendir', id: 9, path: '/' }],
  ['0000000b 0c 0000000a 00000002 6831', { type: 'readdir', id: 10, handle: 'h1' }],
  ['0000000b 0d 0000000b 00000002 2f61', { type: 'remove', id: 11, path: '/a' }],
  ['0000000f 0e 0000000c 00000002 2f64 00000000', { type: 'mkdir', id: 12, path: '/d', attrs: {} }],
  ['0000000b 0f 0000000d 00000002 2f64', { type: 'rmdir', id: 13, path: '/d' }],
  ['0000000a 10 0000000e 00000001 2e', { type: 'realpath', id: 14, path: '.' }],
  ['0000000b 11 0000000f 00000002 2f61', { type: 'stat', id: 15, path: '/a' }],
  ['00000011 12 00000010 00000002 2f61 00000002 2f62', { type: 'rename', id: 16, from: '/a', to: '/b' }],
  ['0000000b 13 00000011 00000002 2f6c', { type: 'readlink', id: 17, path: '/l' }],
  ['00000010 14 00000012 00000001 74 00000002 2f6c', { type: 'symlink', id: 18, first: 't', second: '/l' }],
  [
    '0000000e c8 00000013 00000003 787879 0102',
    { type: 'extended', id: 19, name: 'xxy', body: bytes('0102') },
  ],
  ['00000005 63 00000014', { type: 'unknown', id: 20, code: 99 }],
]

for (const [literal, request] of REQUESTS) {
  test(`wire: ${request.type} is read and written as the draft lays it out`, () => {
    const packet = bytes(literal)
    const frames = new Frames()
    frames.push(packet)

    assert.deepEqual(decodeRequest(frames.next()!), request)
    assert.equal(hex(encodeRequest(request)), hex(packet))
  })
}

const stat: Stat = {
  kind: 'file',
  size: 5,
  mode: 0o100644,
  uid: 1,
  gid: 2,
  atime: 3,
  mtime: 4,
  nlink: 1,
  dev: 0,
  ino: 0,
}
const STAT = '0000000f 0000000000000005 00000001 00000002 000081a4 00000003 00000004'

const REPLIES: readonly (readonly [hex: string, reply: Reply])[] = [
  ['00000011 65 00000001 00000000 00000000 00000000', OK],
  ['0000001c 65 00000001 00000001 0000000b 456e64206f662066696c65 00000000', EOF],
  ['0000000b 66 00000001 00000002 6831', { type: 'handle', handle: 'h1' }],
  ['0000000c 67 00000001 00000003 010203', { type: 'data', data: bytes('010203') }],
  [
    `00000034 68 00000001 00000001 00000001 61 00000002 6c6c ${STAT}`,
    { type: 'name', names: [{ name: 'a', longname: 'll', stat }] },
  ],
  [`00000025 69 00000001 ${STAT}`, { type: 'attrs', stat }],
  ['00000007 c9 00000001 0a0b', { type: 'extendedReply', body: bytes('0a0b') }],
]

for (const [literal, reply] of REPLIES) {
  test(`wire: a reply of type ${reply.type} is read and written as the draft lays it out`, () => {
    const packet = bytes(literal)

    assert.equal(hex(encodeReply(1, reply)), hex(packet))
    assert.deepEqual(decodeReply(packet.subarray(4)), { id: 1, reply })
  })
}

test('wire: the ready-made STATUS ok is the one that would be encoded', () => {
  assert.equal(hex(encodeOk(0x01020304)), hex(encodeReply(0x01020304, OK)))
})

test('wire: VERSION tells the extensions with their data', () => {
  const version = { version: 3, extensions: [{ name: 'ab', data: '1' }] }
  const packet = bytes('00000010 02 00000003 00000002 6162 00000001 31')

  assert.equal(hex(encodeVersion(version)), hex(packet))
  assert.deepEqual(decodeVersion(packet.subarray(4)), version)
})
