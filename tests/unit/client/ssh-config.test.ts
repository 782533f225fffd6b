import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import {
  expandFile,
  parseConfig,
  settingsFor as settingsOf,
  unserved,
} from '../../../src/client/ssh-config.ts'

const settingsFor = (host: string, text: string, options: readonly string[] = []) =>
  settingsOf({ host, localUser: 'me' }, parseConfig(text), options)

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

test('ssh config: a word that begins with # begins a comment, and quotes hold a word together', () => {
  const said = settingsFor(
    'h',
    'HostName files # the old one\nIdentityFile "~/a #b"# c\nUserKnownHostsFile "/a b" /c # d\nUser x#y\nPort #\n',
  )

  assert.equal(said.get('HostName'), 'files')
  assert.equal(said.get('IdentityFile'), '~/a #b# c')
  assert.deepEqual(said.words('UserKnownHostsFile'), ['/a b', '/c'])
  assert.equal(said.get('User'), 'x#y')
  assert.equal(said.get('Port'), undefined)
})

test('ssh config: words are quoted as OpenSSH reads them', () => {
  const words = (line: string) => parseConfig(line)[0]?.words

  assert.deepEqual(words(`HostName '127.0.0.1'`), ['127.0.0.1'])
  assert.deepEqual(words(`User 'a b'`), ['a b'])
  assert.deepEqual(words(`IdentityFile "/x/y'z"`), [`/x/y'z`])
  assert.deepEqual(words(`IdentityFile a'b c'd"e"f`), ['ab cdef'])
  assert.deepEqual(words(String.raw`IdentityFile /a\ b`), ['/a b'])
  assert.deepEqual(words(String.raw`UserKnownHostsFile "a\"b" c\"d`), ['a"b', 'c"d'])
  assert.deepEqual(words(String.raw`User dom\x\\y`), [String.raw`dom\x\y`])
  assert.deepEqual(words(`IdentityFile '#a' b#c #d`), ['#a', 'b#c'])
})

test('ssh config: a Match that nobody here can tell is told where it would count', () => {
  const told = (lines: string): readonly string[] => {
    const all: string[] = []
    settingsOf({ host: 'h', localUser: 'me' }, parseConfig(lines), [], (criterion) => all.push(criterion))
    return all
  }

  assert.deepEqual(told('Match exec "true"\n ProxyJump j\n Port 1'), ['exec'])
  assert.deepEqual(told('Match final host h\n User u'), ['final'])
  assert.deepEqual(told('Match exec "true" host other\n User u'), [], 'another host')
  assert.deepEqual(told('Match exec "true"\n ForwardAgent yes\nHost *\n Port 1'), [], 'nothing that counts')
  assert.deepEqual(told('Match canonical all\n Port 1\nMatch user you exec "true"\n Port 2'), [])
})

test('ssh config: a Match goes by host, its HostName as found so far, user and who runs it', () => {
  const lines = parseConfig(
    [
      'Match originalhost alias',
      '  HostName files.example.org',
      'Match host *.example.org,!bad.example.org user ada',
      '  Port 1',
      'Match host=files.example.org !user ada',
      '  Port 2',
      'Match localuser other',
      '  Port 3',
      'Match exec "true # it is"',
      '  Port 4',
      'Match user "me" all',
      '  Port 5',
      'Match all',
      '  Port 6',
    ].join('\n'),
  )
  const port = (host: string, user?: string) => settingsOf({ host, user, localUser: 'me' }, lines).get('port')

  assert.equal(port('alias', 'ada'), '1')
  assert.equal(port('alias', 'bob'), '2')
  assert.equal(port('bad.example.org', 'ada'), '6')
  assert.equal(port('elsewhere'), '5')
  assert.equal(port('elsewhere', 'you'), '6')
})

test('ssh config: what is included counts where it is included, and its blocks end with it', () => {
  const [within, after] = [parseConfig('Host *\nPort 1\nHost b\nUser bob'), parseConfig('User me\nPort 9')]
  const lines = [
    ...parseConfig('Host a'),
    { keyword: 'include', words: ['x'], included: [within] },
    ...parseConfig('IdentityFile k'),
    ...parseConfig('Host *'),
    { keyword: 'include', words: ['y'], included: [after] },
  ]
  const of = (host: string) => {
    const said = settingsOf({ host }, lines)
    return [said.get('port'), said.get('user'), said.get('identityfile')]
  }

  assert.deepEqual(of('a'), ['1', 'me', 'k'])
  assert.deepEqual(of('b'), ['9', 'me', undefined])
})

test('ssh config: file names have ~ and tokens expanded', () => {
  const tokens = { host: 'h', port: 2200, user: 'ada', localUser: 'me' }

  assert.equal(expandFile('~/k-%h-%p-%r-%u-%%', tokens, '/home/x'), '/home/x/k-h-2200-ada-me-%')
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
