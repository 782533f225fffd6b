import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isOpError } from '../../../src/base/error.ts'
import { virtualPath } from '../../../src/vfs/path.ts'

const names = fc.constantFrom('', '.', '..', '...', '.a', 'a.', 'a..b', 'a', 'b c', 'n'.repeat(255), '\xe9')

test('virtual path: whatever is asked for is put as POSIX has it, from the root', () => {
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), fc.boolean(), (parts, absolute) => {
      const text = `${absolute ? '/' : ''}${parts.join('/')}`

      const wanted = posix.resolve('/', text)
      assert.equal(virtualPath(text), wanted)
    }),
    { numRuns: 2000 },
  )
})

test('virtual path: a zero byte and what is too long are refused, wherever they stand', () => {
  const code = (text: string): unknown => {
    try {
      return virtualPath(text)
    } catch (error) {
      return isOpError(error) ? error.code : error
    }
  }

  assert.deepEqual(
    ['/a\0b', '\0', '/a/\0', `/${'n'.repeat(256)}`, `/a/${'n'.repeat(256)}`, '/n'.repeat(2049)].map(code),
    ['EINVAL', 'EINVAL', 'EINVAL', 'ENAMETOOLONG', 'ENAMETOOLONG', 'ENAMETOOLONG'],
  )
})
