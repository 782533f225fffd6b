import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { type Look, type Refused, why } from '../../../src/client/why.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { statOf } from '../../support/scripted-session.ts'

/** What is told of a refusal where nothing but these files are there. */
async function toldOf(code: 'EIO' | 'EACCES', refused: Refused, there: readonly string[]): Promise<OpError> {
  const look: Look = {
    async lstat(path) {
      if (!there.includes(path)) throw new OpError('ENOENT', 'Not there')
      return statOf(1)
    },
    readlink: async () => '',
  }
  const told = await why(new OpError(code, 'The server said no'), refused, look, async () => true)
  assert.ok(told instanceof OpError)
  return told
}

test('why: a refusal that says nothing is told as what is found', async () => {
  const missing = await toldOf('EIO', { what: 'open', path: p('/a') }, [])
  const taken = await toldOf('EIO', { what: 'openExclusive', path: p('/a') }, ['/a'])

  assert.deepEqual([missing.code, missing.message], ['ENOENT', 'No such file or folder: "/a"'])
  assert.deepEqual([taken.code, taken.message], ['EEXIST', 'Exists already: "/a"'])
})

for (const what of ['open', 'openExclusive', 'stat', 'unlink'] as const)
  test(`why: a right that is missing for "${what}" stays that, though nothing is there to be seen`, async () => {
    const told = await toldOf('EACCES', { what, path: p('/a') }, [])

    assert.deepEqual([told.code, told.message], ['EACCES', 'The server said no'])
  })
