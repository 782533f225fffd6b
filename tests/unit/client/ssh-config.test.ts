import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { expandFile, settingsFor, unserved } from '../../../src/client/ssh-config.ts'

const text = `
# all
User nobody
Host work !bad
  HostName=files.example.org
  Port 8808
  IdentityFile "~/.ssh/id one"
  IdentityFile ~/.ssh/two
Match exec "true"
  User wrong
Host *
  User ada
  Port 22
`

test('ssh config: the first value of a keyword counts, blocks by pattern, -o before the file', () => {
  const work = settingsFor('work', text)
  assert.equal(work.get('hostname'), 'files.example.org')
  assert.equal(work.get('Port'), '8808')
  assert.equal(work.get('user'), 'nobody')
  assert.deepEqual(work.all('identityfile'), ['~/.ssh/id one', '~/.ssh/two'])

  assert.equal(settingsFor('bad', text).get('port'), '22')
  assert.equal(settingsFor('work', text, ['Port=2200', 'user grace']).get('port'), '2200')
  assert.equal(settingsFor('work', text, ['user grace']).get('user'), 'grace')
})

test('ssh config: file names have ~ and tokens expanded', () => {
  const tokens = { host: 'h', port: 2200, user: 'ada' }

  assert.equal(expandFile('~/k-%h-%p-%r-%%', tokens, '/home/x'), '/home/x/k-h-2200-ada-%')
  assert.equal(expandFile('%d/.ssh/id', tokens, '/home/x'), '/home/x/.ssh/id')
  assert.equal(expandFile('/etc/~key', tokens, '/home/x'), '/etc/~key')
})

test('ssh config: an option without a value is a usage error, and one that is not acted on is told', () => {
  for (const option of ['Foo', 'Port=', '=22', ''])
    assert.throws(
      () => settingsFor('h', '', [option]),
      (error) => isOpError(error, 'EUSAGE') && /-o takes NAME=VALUE/.test(error.message),
      option,
    )

  assert.deepEqual(unserved(['port=22', 'BatchMode yes', 'Ciphers=aes256-ctr']), ['Ciphers=aes256-ctr'])
  assert.deepEqual(unserved(), [])
})
