import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { ScpLine } from '../../../src/scp/scp.ts'
import { send } from '../../../src/scp/send.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** What is said to a receiver that takes all, and what it is warned of. */
async function sent(name: string, vfs: TinyVfs) {
  let said = ''
  const warnings: string[] = []
  const line = {
    input: {},
    async write(bytes: Uint8Array | string) {
      said += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')
    },
    taken: async () => true,
    async warn(error: unknown) {
      warnings.push(isOpError(error) ? `${error.code} ${error.message}` : String(error))
    },
    recursive: true,
    times: false,
    targetIsFolder: false,
    targetEndsInSlash: false,
    signal: new AbortController().signal,
  } satisfies Omit<ScpLine, 'input'> & { readonly input: Partial<ScpLine['input']> }
  await send(vfs, name, line as unknown as ScpLine, silentLog)
  return { said, warnings }
}

const FORGED = 'a\nC0755 3 .bashrc'
const REFUSED =
  'EINVAL "/folder/a\\nC0755 3 .bashrc" has a line end in its name, which scp -O cannot send: fetch it by sftp'

function withForged(): TinyVfs {
  const vfs = new TinyVfs()
  vfs.mkdir(virtualPath('/folder'))
  vfs.put(`/folder/${FORGED}`, 'evil')
  vfs.put('/folder/good', 'good')
  return vfs
}

for (const name of ['folder/*', 'folder/a*', `folder/${FORGED}`, 'folder'])
  test(`scp -f: a name is no record of its own, fetched as ${JSON.stringify(name)}`, async () => {
    const { said, warnings } = await sent(name, withForged())

    assert.doesNotMatch(said, /bashrc|evil/)
    assert.equal(said.includes('C0644 4 good\ngood\0'), name === 'folder/*' || name === 'folder')
    assert.deepEqual(warnings, [REFUSED])
  })

test('scp -f: a folder with such a name is refused with all in it', async () => {
  const vfs = new TinyVfs()
  vfs.mkdir(virtualPath('/a\nb'))
  vfs.put('/a\nb/good', 'good')

  const { said, warnings } = await sent('a*', vfs)

  assert.equal(said, '')
  assert.equal(warnings.length, 1)
})

test('scp -f: other control characters in a name are sent as they are, as OpenSSH does', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a\rb\x1b[2J', 'good')

  const { said, warnings } = await sent('a*', vfs)

  assert.equal(said, 'C0644 4 a\rb\x1b[2J\ngood\0')
  assert.deepEqual(warnings, [])
})

test('scp -f: a file that cannot be read to its end is told behind its bytes, and the next one is sent', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a1', 'lost')
  vfs.put('/a2', 'good')
  const { open } = vfs
  vfs.open = (path, ...rest) => ({
    ...open.call(vfs, path, ...rest),
    ...(path === '/a1' && {
      read() {
        throw new OpError('EIO', 'The disk failed')
      },
    }),
  })

  const { said, warnings } = await sent('a*', vfs)

  assert.equal(said, 'C0644 4 a1\n\0\0\0\0C0644 4 a2\ngood\0')
  assert.deepEqual(warnings, ['EIO The disk failed'])
})
