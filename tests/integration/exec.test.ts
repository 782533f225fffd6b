import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import { run, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh')
let server: TestServer
before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--quota', '1GiB'] })
  mkdirSync(join(server.home('ada'), 'full'), { recursive: true })
  writeFileSync(join(server.home('ada'), 'full', 'x'), 'x')
  writeFileSync(join(server.home('ada'), 'notes.txt'), 'one\ntwo\n')
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = (words: readonly string[], input: string | Uint8Array = '') =>
  run('ssh', ['-F', server.sshConfig, '-T', 'ftp', '--', ...words], { input })
const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

interface Case {
  readonly words: string
  readonly input?: string
  readonly status: number
  /** All of stdout, or what it must look like. */
  readonly out?: string | RegExp
  readonly error?: RegExp
}

/** In this order: a later line may lean on an earlier one. */
const TABLE: readonly Case[] = [
  { words: 'pwd', status: 0, out: '/\n' },
  { words: 'cd full && pwd; ls', status: 0, out: '/full\nx\n' },
  { words: 'cd nowhere && rm -r /', status: 1, error: /No such file or folder: "\/nowhere"/ },
  { words: 'bye; rm -r /', status: 0, out: '' },
  { words: 'help', status: 0, out: /^ {2}put FILE \[NAME\] +store a file\n/ },
  { words: 'help ls', status: 0, out: /--json +as one JSON value/ },
  { words: 'lz', status: 2, error: /^Unknown command "lz", did you mean "ls"\?\nCommands: put get / },
  { words: 'ls --nothing', status: 2, error: /Unknown option '--nothing'\. Usage: ls/ },
  { words: "ls 'open", status: 2, error: /^The ' at column 4 is not closed\n$/ },
  { words: 'ls | cat', status: 2, error: /"\|" means nothing here/ },
  { words: 'ls nothing', status: 1, error: /No such file or folder: "\/nothing"/ },
  {
    words: "ls $'no\\e]0;x\\a'",
    status: 1,
    error: /^No such file or folder: "\/no\\u\{1b\}\]0;x\\u\{7\}"\n$/,
  },
  { words: 'mkdir a/b', status: 1, error: /No such file or folder/ },
  { words: 'mkdir', status: 2, error: /^Usage: mkdir/ },
  { words: 'mkdir -p a/b', status: 0, out: '' },
  { words: 'rm a', status: 1, error: /"a" is not empty: remove it with all in it by rm -r/ },
  { words: 'rm -r a', status: 0, out: '' },
  { words: 'cat notes.txt', status: 0, out: 'one\ntwo\n' },
  { words: 'cat full', status: 1, error: /Is a folder: "\/full"/ },
  { words: 'cp notes.txt copy.txt', status: 0, out: '' },
  { words: 'mv copy.txt notes.txt', status: 1, error: /is there already: replace it by mv -f/ },
  { words: 'mv nothing x', status: 1, error: /^No such file or folder: "\/nothing"\n$/ },
  { words: 'mv -f copy.txt full/moved.txt', status: 0, out: '' },
  { words: 'md5 notes.txt', status: 0, out: `${md5('one\ntwo\n')}  notes.txt\n` },
  { words: 'md5 notes.txt 4', status: 0, out: `${md5('one\n')}  notes.txt\n` },
  { words: 'md5 nothing', status: 1, error: /No such file/ },
  { words: 'put', status: 2, error: /^Usage: put/ },
  { words: 'put new.txt', input: 'new', status: 0, out: `stored 3 bytes in "new.txt", md5 ${md5('new')}\n` },
  { words: 'put new.txt', input: 'other', status: 1, error: /is there already: replace it by put -f/ },
  { words: 'get new.txt', status: 0, out: 'new' },
  { words: 'put -f new.txt', input: 'other', status: 0, out: /^stored 5 bytes/ },
  { words: 'restore new.txt', status: 0, out: /is what it was before/ },
  { words: 'get new.txt', status: 0, out: 'new' },
  { words: 'restore never', status: 1, error: /never/ },
  { words: `put new.txt --offset 3 --md5 ${md5('xxx')}`, input: 'er', status: 1, error: /different content/ },
  {
    words: `put new.txt --offset 2 --md5 ${md5('ne')}`,
    input: 'er',
    status: 1,
    error: /has 3 bytes here, not 2/,
  },
  {
    words: `put -f new.txt --offset 0 --md5 ${md5('')}`,
    input: 'er',
    status: 1,
    error: /has 3 bytes here, not 0/,
  },
  { words: 'put new.txt --offset 3', input: 'er', status: 2, error: /^--offset and --md5 go together/ },
  { words: `put new.txt --offset 3 --md5 ${md5('new')}`, input: 'er', status: 0, out: /^stored 5 bytes/ },
  { words: 'get new.txt', status: 0, out: 'newer' },
  { words: `get new.txt --offset 3 --md5 ${md5('new')}`, status: 0, out: 'er' },
  { words: `get new.txt --offset 3 --md5 ${md5('old')}`, status: 1, out: '', error: /different content/ },
  {
    words: `get new.txt --offset 6 --md5 ${md5('newest')}`,
    status: 1,
    out: '',
    error: /^"new.txt" has 5 bytes, you have 6: it is another file\n$/,
  },
  { words: `get new.txt --offset 5 --md5 ${md5('newer')}`, status: 0, out: '' },
  { words: 'get new.txt --offset 3', status: 2, out: '', error: /^--offset and --md5 go together/ },
  { words: `get new.txt --md5 ${md5('new')}`, status: 2, out: '', error: /^--offset and --md5 go/ },
  {
    words: 'get new.txt --offset -3 --md5 x',
    status: 2,
    out: '',
    error: /^The option '--offset' needs a value; .*\. Usage: get FILE/,
  },
  {
    words: `get new.txt --offset 3 --md5 ${md5('new')}0`,
    status: 2,
    out: '',
    error: /is not an MD5: --md5 takes/,
  },
  { words: `get new.txt --offset 3 --md5 ${md5('new').toUpperCase()}`, status: 0, out: 'er' },
  {
    words: 'put odd.txt --size x',
    input: 'odd',
    status: 2,
    error: /^"x" is not a number of bytes: --size takes/,
  },
  {
    words: 'put odd.txt --size 9007199254740993',
    input: 'odd',
    status: 2,
    error: /is not a number of bytes/,
  },
  {
    words: `put new.txt --offset x --md5 ${md5('')}`,
    input: 'odd',
    status: 2,
    error: /^"x" is not a number of bytes: --offset takes/,
  },
  {
    words: 'put odd.txt --size 2',
    input: 'odd',
    status: 1,
    error: /^More came than the 2 bytes that were an/,
  },
  { words: 'rm odd.txt', status: 0, out: '' },
  { words: 'put short.txt --size 10', input: 'short', status: 1, error: /ended at 5 of 10 bytes/ },
  { words: 'get short.txt', status: 1, out: '', error: /is partial: its upload was not finished/ },
  { words: 'get --partial short.txt', status: 0, out: 'short' },
  { words: `put zero.txt --offset 0 --md5 ${md5('')}`, input: 'zero', status: 0, out: /^stored 4 bytes/ },
  {
    words: `put never.txt --offset 3 --md5 ${md5('new')}`,
    input: 'er',
    status: 1,
    error: /"\/never.txt" is not there: put it from the start/,
  },
  { words: 'get *.txt', status: 2, error: /Several names fit/ },
  { words: 'get full', status: 1, error: /folder/ },
  { words: 'quota', status: 0, out: /of 1 GiB used/ },
  { words: '-k', input: 'ls nothing\npwd\nlz\n', status: 1, out: '/\n', error: /Line 1: [\s\S]*Line 3: / },
  { words: '-k', input: 'put full\nrm -r /\n', status: 1, out: '', error: /cannot be told from commands/ },
  // The bytes of a put that was not come to are no lines either.
  {
    words: '-k',
    input: 'cd nothing; put x --size 9\nrm full/x\n',
    status: 1,
    out: '',
    error: /cannot be told from commands/,
  },
  {
    words: '-k',
    input: "put 'x --size 9\nrm full/x\n",
    status: 2,
    out: '',
    error: /not closed\nWhat follows a put that failed/,
  },
  { words: '-k', input: 'pwd; cd full && pwd\npwd\n', status: 0, out: '/\n/full\n/full\n' },
]

test('ssh exec: each command has its answer and its status', { skip }, async (t) => {
  for (const { words, input = '', status, out, error } of TABLE) {
    await t.test(`${words}${input === '' ? '' : ` < ${JSON.stringify(input)}`}`, async () => {
      const done = await ssh([words], input)

      assert.equal(done.status, status, done.stderr)
      if (typeof out === 'string') assert.equal(done.stdout, out)
      else if (out !== undefined) assert.match(done.stdout, out)
      if (error === undefined) assert.equal(done.stderr, '')
      else assert.match(done.stderr, error)
    })
  }
})

test('ssh exec: --json is one value', { skip }, async () => {
  const value = async (words: string): Promise<unknown> => JSON.parse((await ssh([words])).stdout)

  const [folder, file] = (await value('ls --json')) as { name: string }[]
  assert.deepEqual(
    { ...folder, mtime: '' },
    { name: 'full', kind: 'directory', size: 4096, mode: '0755', mtime: '', partial: false },
  )
  assert.deepEqual(
    { ...file, mtime: '' },
    { name: 'new.txt', kind: 'file', size: 5, mode: '0644', mtime: '', partial: false },
  )
  const short = (await value('stat --json short.txt')) as { partial: boolean; mtime: string }
  assert.equal(short.partial, true)
  assert.ok(Math.abs(Date.parse(short.mtime) - Date.now()) < 3_600_000)
  const { used, aside, ...quota } = (await value('quota --json')) as {
    used: number
    aside: { until: string }[]
  }
  assert.deepEqual(quota, {
    limit: 2 ** 30,
    reserved: 5,
    free: 2 ** 30 - used - 5,
    files: 7,
    fileLimit: null,
  })
  assert.deepEqual(
    aside.map((one) => ({ ...one, until: '' })),
    [{ kind: 'kept', name: '/new.txt', size: 5, until: '' }],
  )
  assert.deepEqual(await value('md5 --json new.txt'), { name: 'new.txt', md5: md5('newer'), size: 5 })
})

test('ssh script: the first line that fails ends it, and says which', { skip }, async () => {
  const { stdout, stderr, status } = await ssh([], '# a comment\n\npwd\nls nothing\npwd\n')

  assert.deepEqual([stdout, status], ['/\n', 1])
  assert.match(stderr, /^Line 4: No such file or folder: "\/nothing"\n$/)
})

test('ssh script: the bytes of a file may follow its put, and lines follow them', { skip }, async () => {
  const { stdout, status } = await ssh(
    [],
    'mkdir s\ncd s\nput a --size 6\nrm -r\nput b --size 0\nls\nput c\nlast\nrm -r /\n',
  )

  assert.equal(status, 0)
  assert.match(
    stdout,
    /^stored 6 bytes in "a"[^\n]*\nstored 0 bytes in "b"[^\n]*\na\nb\nstored 13 bytes in "c"/,
  )
  const here = (name: string): string => readFileSync(join(server.home('ada'), 's', name), 'utf8')
  assert.deepEqual([here('a'), here('b'), here('c')], ['rm -r\n', '', 'last\nrm -r /\n'])
})

test('ssh script: a line that never ends is refused', { skip }, async () => {
  const { stderr, status } = await ssh([], 'x'.repeat(100_000))

  assert.equal(status, 2)
  assert.match(stderr, /longer than 8192 bytes/)
  assert.ok(existsSync(join(server.home('ada'), 'notes.txt')))
})

test('ssh exec: a signal of the client ends the command, with 130', { skip }, async () => {
  const huge = join(server.home('ada'), 'huge')
  writeFileSync(huge, '')
  truncateSync(huge, 64 * 2 ** 30)
  for (const name of ['INT', 'TERM', 'HUP', 'QUIT']) {
    const client = new ssh2.Client()
    try {
      client.connect({
        host: server.host,
        port: server.port,
        username: 'ada',
        privateKey: readFileSync(server.key),
      })
      await once(client, 'ready')
      const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
        client.exec('pwd; md5 huge', (error, opened) => (error ? reject(error) : resolve(opened))),
      )
      const ended = once(channel, 'exit')
      assert.equal(String((await once(channel, 'data'))[0]), '/\n')
      channel.signal(name)
      assert.equal((await ended)[0], 130, name)
    } finally {
      client.destroy()
    }
  }
  // The server counts what it took: it did not take this.
  truncateSync(huge, 0)
})
