import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { silentLog } from '../../../src/base/log.ts'
import { scp } from '../../../src/scp/scp.ts'
import type { Session } from '../../../src/ssh/session.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { memorySession } from '../../support/memory-channel.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** What a sender of these bytes is answered, who waits for nothing, and the exit status. */
async function received(
  vfs: TinyVfs,
  sent: string,
  command = 'scp -rt /',
  { bytesAtATime = 7, mostAnswers = Number.POSITIVE_INFINITY } = {},
) {
  let said = ''
  let answers = 0
  const bytes = Buffer.from(sent, 'latin1')
  async function* input(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += bytesAtATime) yield bytes.subarray(at, at + bytesAtATime)
  }
  const channel = {
    input: input(),
    write: async (written: Uint8Array) => {
      if (++answers > mostAnswers) throw new OpError('ECANCELED', 'The channel is closed')
      said += Buffer.from(written).toString('latin1')
    },
  }
  const logged: (readonly [string, unknown])[] = []
  const session = {
    ...memorySession().session,
    log: { ...silentLog, info: (event: string, fields?: object) => void logged.push([event, fields]) },
    request: { type: 'exec', command, pty: undefined },
    channel: channel as unknown as Session['channel'],
  } satisfies Session
  const status = await scp({ open: () => vfs })(session)
  return { said, status, logged }
}

const names = (vfs: TinyVfs): readonly string[] => [...vfs.nodes.keys()].sort()

test('scp -t: a file that the sender could not read is not stored, and the next one is', async () => {
  const vfs = new TinyVfs()
  const { said, status } = await received(
    vfs,
    'C0644 3 bad\n\0\0\0\x01scp: bad: Input/output error\nC0644 4 good\ngood\0',
  )

  assert.equal(said, '\0\0\x01scp: The other side could not read all of "/bad"\n\0\0')
  assert.equal(status, 1)
  assert.ok(vfs.calls.includes('abandon /bad'))
  assert.equal(vfs.text('/good'), 'good')
})

test('scp -t: a folder that cannot be made is refused by itself', async () => {
  const vfs = new TinyVfs()
  vfs.put('/file', 'old')
  // The sender leaves it out with all in it, as it was told.
  const { said, status } = await received(vfs, 'D0755 0 file\nD0755 0 new\nC0644 4 good\ngood\0E\n')

  assert.equal(said, '\0\x01scp: "/file" is there already\n\0\0\0\0')
  assert.equal(status, 1)
  assert.equal(vfs.text('/new/good'), 'good')
})

test('scp -p: a file whose times cannot be set is stored and closed', async () => {
  const vfs = new TinyVfs()
  const { open } = vfs
  vfs.open = (...args) => ({
    ...open.apply(vfs, args),
    setstat: () => {
      throw new OpError('EPERM', 'Not those times')
    },
  })
  const { said, status } = await received(vfs, 'T1 0 1 0\nC0644 4 good\ngood\0', 'scp -pt /')

  assert.equal(said, '\0\0\0\x01scp: Not those times\n')
  assert.equal(status, 1)
  assert.deepEqual(vfs.calls.slice(-1), ['close /good'])
})

test('scp -t: a file that the sender goes away from before it hears of it is closed', async () => {
  const vfs = new TinyVfs()
  await assert.rejects(received(vfs, 'C0644 4 good\ngood\0', 'scp -t /', { mostAnswers: 1 }))

  assert.deepEqual(vfs.calls.slice(-1), ['abandon /good'])
})

test('scp -t: what is refused is logged, by names as they are shown, and so is what ends it', async () => {
  const vfs = new TinyVfs()
  const name = Buffer.from('größe\x1b').toString('latin1')
  vfs.put(`/${name}`, 'old')
  const { logged } = await received(vfs, `D0755 0 ${name}\nE\n`)

  assert.deepEqual(
    logged.map(([event, fields]) => [event, { ...(fields as object), message: undefined }]),
    [
      ['request refused', { path: '/größe\\u{1b}', code: 'EEXIST', message: undefined }],
      ['request refused', { path: undefined, code: 'EPROTO', message: undefined }],
    ],
  )
})

const FILE = 'good\0'
const NOTHING: readonly string[] = [
  'C0644 -1 a\n',
  'C0644 0x4 a\n',
  'C0644  4 a\n',
  'C0644 4\n',
  'C0644 4 \n',
  'C0644 9007199254740993 a\n',
  'C0644 99999999999999999999 a\n',
  'C0888 4 a\n',
  'C644 4 a\n',
  'C-644 4 a\n',
  'C0644 4 .\n',
  'C0644 4 ..\n',
  'C0644 4 a/b\n',
  'C0644 4 ../a\n',
  'C0644 4 /a\n',
  'C0644 4 a\0b\n',
  'D0755 0 ..\n',
  'D0755 0 a/b\n',
  'E\n',
  'T1 0\n',
  'T-1 0 1 0\n',
  'T1 0 1 0 0\n',
  `C0644 4 ${'a'.repeat(9000)}\n`,
  'a'.repeat(9000),
  '\n',
  '\x02scp: I give up\n',
]
for (const line of NOTHING)
  test(`scp -t: ${JSON.stringify(line.slice(0, 40))} ends it, and nothing is made`, async () => {
    const vfs = new TinyVfs()
    const { said, status } = await received(vfs, `${line}${FILE}`)

    assert.match(said, /^\0\x02scp: [^\n]+\n$/)
    assert.equal(status, 1)
    assert.deepEqual(names(vfs), ['/'])
  })

test('scp -t: a name that is too long is refused by itself', async () => {
  const vfs = new TinyVfs()
  const { said, status } = await received(vfs, `C0644 4 ${'a'.repeat(256)}\nC0644 4 good\n${FILE}`)

  assert.equal(said, '\0\x01scp: Name longer than 255 bytes\n\0\0')
  assert.equal(status, 1)
  assert.deepEqual(names(vfs), ['/', '/good'])
})

test('scp -t: folders that nest without end are refused at a depth, and made no further', async () => {
  const vfs = new TinyVfs()
  vfs.mkdir(virtualPath('/box'))
  const { status } = await received(vfs, 'D0755 0 d\n'.repeat(10_000), 'scp -rt /box', { bytesAtATime: 4096 })

  assert.equal(status, 1)
  assert.ok(names(vfs).length <= 204, String(names(vfs).length))
})
