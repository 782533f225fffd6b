import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { parsePlace, parsePort, parseTarget } from '../../../src/client/target.ts'

test('target: a host with and without user and port, by name and by address', () => {
  assert.deepEqual(parseTarget('ada@example.org:8808'), { user: 'ada', host: 'example.org', port: 8808 })
  assert.deepEqual(parseTarget('example.org'), { user: undefined, host: 'example.org', port: undefined })
  assert.deepEqual(parseTarget('ada@[::1]:8808'), { user: 'ada', host: '::1', port: 8808 })
  assert.deepEqual(parseTarget('fe80::1%eth0'), { user: undefined, host: 'fe80::1%eth0', port: undefined })
  assert.deepEqual(parseTarget('sftp://ada@h:99'), { user: 'ada', host: 'h', port: 99, path: '' })
})

test('target: a port outside 1 to 65535 is refused with a sentence', () => {
  for (const port of ['0', '65536', '70000', '-1', '8808x', '', '99999999']) {
    assert.throws(
      () => parsePort(port),
      (error) => isOpError(error, 'EUSAGE') && /from 1 to 65535/.test(error.message),
    )
  }
  assert.throws(() => parseTarget('h:99999'), /not a port/)
  assert.equal(parsePort('65535'), 65535)
})

test('target: what is no host says how to write one', () => {
  for (const text of ['', 'ada@', ':22', 'a:b:c', 'h:1:2', '[::1'])
    assert.throws(() => parseTarget(text), /EUSAGE|host|port/)
})

test('place: remote when there is a colon before any slash, else local', () => {
  assert.deepEqual(parsePlace('ada@h:dir/a:b'), { user: 'ada', host: 'h', port: undefined, path: 'dir/a:b' })
  assert.deepEqual(parsePlace('h:'), { user: undefined, host: 'h', port: undefined, path: '' })
  assert.deepEqual(parsePlace('ada@[::1]:/x'), { user: 'ada', host: '::1', port: undefined, path: '/x' })
  assert.deepEqual(parsePlace('sftp://ada@h:22/a%20b'), { user: 'ada', host: 'h', port: 22, path: '/a b' })
  for (const local of ['file', './a:b', '/tmp/x:y', 'dir/a:b']) assert.equal(parsePlace(local), undefined)
})

test('place: a port in front of the path is refused with what to write', () => {
  assert.throws(() => parsePlace('ada@host:9901:/x'), {
    code: 'EUSAGE',
    message:
      '"ada@host:9901:/x" has a port where the path begins: write -P 9901 ada@host:/x, or ada@host:./9901:/x if that is its name',
  })
  assert.equal(parsePlace('ada@host:./9901:/x')?.path, './9901:/x')
  assert.equal(parsePlace('ada@host:9901')?.path, '9901')
})
