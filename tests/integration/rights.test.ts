import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { adminPerson } from '../support/admin-person.ts'
import { adminWords } from '../support/admin-words.ts'
import { type Done, run, without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

const skip = without('sftp', 'scp', 'ssh', 'ssh-keygen', 'rclone')
let server: TestServer
let local: string
let home: string
let rcloneConfig: string

before(async () => {
  if (skip) return
  server = await startServer()
  home = server.home('ada')
  local = join(server.folder, 'local')
  rcloneConfig = join(server.folder, 'rclone.conf')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(300_001))
  writeFileSync(join(local, 'small'), 'new\n')
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'old.txt'), 'old\n')
  const remote = ['[s]', 'type = sftp', 'host = 127.0.0.1', `port = ${server.port}`, 'user = ada']
  writeFileSync(rcloneConfig, [...remote, `key_file = ${server.key}`, ''].join('\n'))
})
after(() => server?.[Symbol.asyncDispose]())

const set = async (...words: readonly string[]): Promise<void> => {
  const { status, stderr } = await adminWords(server, ['user', 'set', 'ada', ...words])
  assert.equal(status, 0, stderr)
}
beforeEach(async () => {
  if (skip) return
  await set('--rights', 'full', '--expires', 'never', '--networks', 'any', '--sessions', 'none')
  await set('--rate-up', 'none', '--rate-down', 'none')
})

const config = () => ['-F', server.sshConfig, '-o', 'BatchMode=yes']
const sftp = (...commands: readonly string[]): Promise<Done> =>
  run('sftp', [...config(), '-b', '-', 'ftp'], { input: `${commands.join('\n')}\n`, cwd: local })
const scp = (...words: readonly string[]): Promise<Done> =>
  run('scp', [...config(), ...words], { cwd: local })
const ssh = (command: string, input = ''): Promise<Done> =>
  run('ssh', [...config(), 'ftp', command], { input, cwd: local })
const shell = (...lines: readonly string[]): Promise<Done> =>
  run('ssh', [...config(), 'ftp'], { input: `${lines.join('\n')}\n`, cwd: local })
const rclone = (...words: readonly string[]): Promise<Done> =>
  run('rclone', ['--config', rcloneConfig, '--retries', '1', '--low-level-retries', '1', ...words], {
    cwd: local,
  })

async function refused(doing: Promise<Done>, why = /[Nn]ot allowed|denied/): Promise<void> {
  const done = await doing
  assert.notEqual(done.status, 0, done.command)
  assert.match(`${done.stdout}${done.stderr}`, why, done.command)
}
async function fine(doing: Promise<Done>): Promise<Done> {
  const done = await doing
  assert.equal(done.status, 0, `${done.command}\n${done.stderr}`)
  return done
}

test('rights: read-only is read-only by sftp, scp, exec, shell and rclone alike', { skip }, async () => {
  await set('--rights', 'read-only')
  const listing = readdirSync(home)

  await fine(sftp('ls', 'get old.txt got'))
  await fine(scp('-O', 'ftp:old.txt', 'got'))
  assert.equal((await fine(ssh('cat old.txt'))).stdout, 'old\n')
  await fine(rclone('copyto', 's:old.txt', 'got'))
  for (const word of ['put small', 'rm old.txt', 'mkdir x', 'rename old.txt y', 'chmod 600 old.txt'])
    await refused(sftp(word))
  await refused(sftp('put small old.txt'))
  await refused(scp('small', 'ftp:new'))
  await refused(scp('-O', 'small', 'ftp:new'))
  await refused(ssh('put new', 'bytes'), /Not allowed to write "\/new": this account is read-only/)
  await refused(ssh('rm old.txt'))
  await refused(shell('mkdir x'))
  await refused(rclone('copyto', 'small', 's:new'))

  assert.deepEqual(readdirSync(home), listing)
  assert.equal(readFileSync(join(home, 'old.txt'), 'utf8'), 'old\n')
})

test('rights: a drop-box takes new files from sftp, scp, exec and rclone, and shows and gives nothing', {
  skip,
}, async () => {
  await set('--rights', 'drop-box')

  await fine(sftp('put -p mid.bin by-sftp', 'rename by-sftp named'))
  await fine(scp('-p', 'mid.bin', 'ftp:by-scp'))
  await fine(scp('-p', '-O', 'mid.bin', 'ftp:by-scp-O'))
  await fine(ssh('put by-exec', 'bytes'))
  await fine(rclone('copyto', 'mid.bin', 's:by-rclone'))
  for (const name of ['named', 'by-scp', 'by-scp-O', 'by-rclone'])
    sameFile(join(home, name), join(local, 'mid.bin'))
  assert.equal(readFileSync(join(home, 'by-exec'), 'utf8'), 'bytes')
  assert.equal(
    Math.floor(statSync(join(home, 'named')).mtimeMs / 1000),
    Math.floor(statSync(join(local, 'mid.bin')).mtimeMs / 1000),
  )

  for (const word of [
    'get named',
    'put small old.txt',
    'put small named',
    'rm named',
    'mkdir x',
    'rename named old.txt',
  ])
    await refused(sftp(word), /denied|[Nn]ot allowed|not found|Failure|exists|there already/)
  // OpenSSH's own `ls` says it, and ends with 0.
  assert.match((await sftp('ls')).stderr, /Permission denied/)
  await refused(scp('-O', 'small', 'ftp:old.txt'))
  await refused(scp('-O', 'ftp:named', 'got'))
  await refused(ssh('ls'))
  await refused(ssh('cat named'))
  await refused(ssh('put -f old.txt', 'other'))
  await refused(rclone('lsf', 's:'))
  assert.equal(readFileSync(join(home, 'old.txt'), 'utf8'), 'old\n')
  sameFile(join(home, 'named'), join(local, 'mid.bin'))
})

/** What needs each right, by every way there is. */
const WAYS: Readonly<Record<string, readonly (() => Promise<Done>)[]>> = {
  read: [
    () => sftp('get old.txt got'),
    () => scp('ftp:old.txt', 'got'),
    () => scp('-O', 'ftp:old.txt', 'got'),
    () => ssh('cat old.txt'),
    () => ssh('get old.txt'),
    () => shell('cat old.txt'),
    () => rclone('copyto', 's:old.txt', 'got'),
  ],
  write: [
    () => sftp('put small new'),
    () => scp('small', 'ftp:new'),
    () => scp('-O', 'small', 'ftp:new'),
    () => ssh('put new', 'bytes'),
    () => shell('put new --size 4', 'new'),
    () => rclone('copyto', 'small', 's:new'),
  ],
  overwrite: [
    () => sftp('put small old.txt'),
    () => sftp('chmod 600 old.txt'),
    () => scp('small', 'ftp:old.txt'),
    () => scp('-O', 'small', 'ftp:old.txt'),
    () => ssh('put -f old.txt', 'bytes'),
    () => ssh('restore old.txt'),
    () => shell('put -f old.txt --size 4', 'new'),
    () => rclone('copyto', '--ignore-times', 'small', 's:old.txt'),
  ],
  delete: [
    () => sftp('rm old.txt'),
    () => sftp('rmdir folder'),
    () => sftp('rename old.txt other'),
    () => ssh('rm old.txt'),
    () => ssh('mv old.txt other'),
    () => shell('rm -r folder'),
    () => rclone('deletefile', 's:old.txt'),
  ],
  list: [
    // OpenSSH's own `ls` ends with 0 when it is refused; of a pattern it finds nothing.
    () => sftp('ls *.txt'),
    () => scp('-r', 'ftp:folder', 'got-folder'),
    () => scp('-O', '-r', 'ftp:folder', 'got-folder'),
    () => ssh('ls'),
    () => shell('ls'),
    () => rclone('lsf', 's:'),
  ],
  mkdir: [
    () => sftp('mkdir made'),
    () => scp('-r', 'tree', 'ftp:'),
    () => scp('-O', '-r', 'tree', 'ftp:'),
    () => ssh('mkdir made'),
    () => shell('mkdir made'),
    () => rclone('mkdir', 's:made'),
  ],
}
const ALL = Object.keys(WAYS)

for (const right of ALL) {
  test(`rights: without "${right}" nothing that needs it is done, by any way, and nothing is changed`, {
    skip,
  }, async () => {
    mkdirSync(join(home, 'folder'), { recursive: true })
    mkdirSync(join(local, 'tree', 'inner'), { recursive: true })
    writeFileSync(join(home, 'old.txt'), 'old\n')
    // Of a copy with its size and second that is here already rclone would not ask.
    rmSync(join(local, 'got'), { force: true })
    const listing = readdirSync(home)
    await set('--rights', ALL.filter((one) => one !== right).join(','))

    await Promise.all(
      WAYS[right]!.map((way) => refused(way(), /[Nn]ot allowed|denied|not found|No such|no room|Failure/)),
    )

    assert.deepEqual(readdirSync(home), listing)
    assert.equal(readFileSync(join(home, 'old.txt'), 'utf8'), 'old\n')
    assert.equal(statSync(join(home, 'old.txt')).mode & 0o777, 0o644)
  })
}

test('rights: each is enough, with list and read, for what needs it', { skip }, async () => {
  const enough = {
    read: 'cat old.txt',
    write: 'put more',
    overwrite: 'put -f old.txt',
    list: 'ls',
    mkdir: 'mkdir made',
    delete: 'rm old.txt',
  }
  for (const [right, command] of Object.entries(enough)) {
    await set('--rights', ['list', 'read', ...(right === 'overwrite' ? ['write'] : []), right].join(','))
    await fine(ssh(command, 'bytes'))
  }
  writeFileSync(join(home, 'old.txt'), 'old\n')
})

test('rights: where nothing may be overwritten WinSCP adds files, and its rename over an old one is refused', {
  skip,
}, async () => {
  await set('--rights', 'read,write,list,delete,mkdir')
  using winscp = await sftpClient(server)
  await winscp.put('/letter.filepart', 'one')
  await winscp.rename('/letter.filepart', '/letter')
  await winscp.put('/old.txt.filepart', 'two')
  await assert.rejects(winscp.rename('/old.txt.filepart', '/old.txt'), /already|exists|Not allowed/)
  await assert.rejects(winscp.posixRename('/old.txt.filepart', '/old.txt'), /already|exists|Not allowed/)

  assert.equal(readFileSync(join(home, 'letter'), 'utf8'), 'one')
  assert.equal(readFileSync(join(home, 'old.txt'), 'utf8'), 'old\n')
})

test('rights: a drop-box goes on with its broken upload after the server has been away', {
  skip,
}, async () => {
  await using other = await startServer({ ada: ['--rights', 'drop-box'] })
  {
    using winscp = await sftpClient(other)
    const handle = await winscp.open('/big.filepart', 'w')
    await winscp.write(handle, 'first ', 0)
    process.kill(other.pid, 'SIGKILL')
    await winscp.closed
  }
  await using again = await other.again()
  using winscp = await sftpClient(again)
  assert.equal((await winscp.stat('/big.filepart')).size, 6)
  const handle = await winscp.open('/big.filepart', 'r+')
  await winscp.write(handle, 'second', 6)
  await winscp.close(handle)
  await winscp.rename('/big.filepart', '/big')

  assert.equal(readFileSync(join(again.home('ada'), 'big'), 'utf8'), 'first second')
})

test('rights: set by the menu, by exec and at the console they are the same, and hold at once', {
  skip,
}, async () => {
  using ada = await sftpClient(server)
  using grace = await adminPerson(server)
  const facts = async (): Promise<unknown> => {
    const { stdout } = await adminWords(server, ['user', 'show', 'ada', '--json'])
    const { rights, expires, networks, sessions, rate, overwrite } = JSON.parse(stdout)
    return { rights, expires, networks, sessions, rate, overwrite }
  }
  const back = ['--rights', 'full', '--expires', 'never', '--networks', 'any', '--sessions', 'none']
  const none = ['--rate-up', 'none', '--rate-down', 'none', '--overwrite', 'default']
  const words = ['--rights', 'read-only', '--expires', '2090-01-31', '--networks', '127.0.0.0/8']
  const more = ['--sessions', '3', '--rate-up', '1MiB', '--rate-down', '2MiB', '--overwrite', 'in-place']
  const refusing = () => assert.rejects(ada.put('/live', 'two'), /read-only/)

  await set(...words, ...more)
  const wanted = await facts()
  await refusing()
  await set(...back, ...none)
  await ada.put('/live', 'one')

  const { status } = await grace.exec(`user set ada ${[...words, ...more].join(' ')}`)
  assert.equal(status, 0)
  assert.deepEqual(await facts(), wanted)
  await refusing()
  await set(...back, ...none)

  await grace.goTo('Rights and expiry')
  const answer = async (question: RegExp, ...keys: readonly string[]): Promise<void> => {
    await grace.sees(question)
    grace.press(...keys)
  }
  await answer(/Whose rights\?.*▸ ada/s, 'Enter')
  await answer(/What of "ada"\?/, 'Enter')
  await answer(/What may it do\?/, '=r', 'Enter')
  for (const [letter, question, value] of [
    ['e', /Expires: 2027/, '2090-01-31'],
    ['n', /Networks, as/, '127.0.0.0/8'],
    ['s', /Sessions at once/, '3'],
    ['u', /Upload a second/, '1 MiB'],
    ['d', /Download a second/, '2 MiB'],
  ] as const) {
    await answer(/What of "ada"\? …/, `=${letter}`, 'Enter')
    await answer(question, `=${value}`, 'Enter')
  }
  await answer(/What of "ada"\? …/, '=o', 'Enter')
  await answer(/How does it overwrite\?/, '=i', 'Enter')
  await grace.sees(/What of "ada"\? …/)
  assert.deepEqual(await facts(), wanted)
  await refusing()
  await set(...none)
})

test('rights: WinSCP works in a drop-box: a temporary name, times, a rename, and a resume', {
  skip,
}, async () => {
  await set('--rights', 'drop-box')
  {
    using winscp = await sftpClient(server)
    const handle = await winscp.open('/big.filepart', 'w')
    await winscp.write(handle, 'first ', 0)
  }
  using winscp = await sftpClient(server)
  assert.equal((await winscp.stat('/big.filepart')).size, 6)
  const handle = await winscp.open('/big.filepart', 'r+')
  await winscp.write(handle, 'second', 6)
  await winscp.close(handle)
  await assert.rejects(winscp.stat('/big'), /No such file/)
  await winscp.rename('/big.filepart', '/big')
  await winscp.setstat('/big', { mtime: 1_000_000_000, atime: 1_000_000_000 })

  assert.equal(readFileSync(join(home, 'big'), 'utf8'), 'first second')
  assert.equal((await winscp.stat('/big')).mtime, 1_000_000_000)
  await assert.rejects(winscp.list('/'), /Not allowed to list/)
  await assert.rejects(winscp.stat('/old.txt'), /Not allowed to look at/)
})

test('rights: what is changed holds at the next request of a session that is open', { skip }, async () => {
  using client = await sftpClient(server)
  await client.put('/live', 'one')

  await set('--rights', 'read-only')
  await assert.rejects(client.put('/live', 'two'), /read-only/)
  assert.equal((await client.stat('/live')).size, 3)
  await set('--rights', 'drop-box')
  await assert.rejects(client.list('/'), /drop-box/)
  await set('--rights', 'write,list')
  await client.put('/added', 'three')
  await assert.rejects(client.open('/live', 'r'), /write,list/)
  await set('--expires', '0.001s')
  await assert.rejects(client.stat('/live'), /"ada" has expired/)
  await set('--expires', 'never', '--networks', '10.0.0.0/8,2001:db8::/32', '--rights', 'full')
  await assert.rejects(client.stat('/live'), /may not be used from 127\.0\.0\.1/)
  await set('--networks', '127.0.0.0/8')
  await client.put('/live', 'four')
})

test('rights: a changed quota holds at the next request of a session that is open', { skip }, async () => {
  using client = await sftpClient(server)
  const handle = await client.open('/grows', 'w')
  await client.write(handle, 'x'.repeat(1000), 0)
  await adminWords(server, ['quota', 'set', 'ada', '1', '--yes'])
  try {
    await assert.rejects(client.write(handle, 'x'.repeat(1000), 1000), /Quota used up/)
  } finally {
    await adminWords(server, ['quota', 'set', 'ada', 'none'])
  }
  await client.write(handle, 'x'.repeat(1000), 1000)
})

test('rights: expired, disabled, or from elsewhere: nobody logs in', { skip }, async () => {
  for (const [change, back] of [
    [
      ['--expires', '0.001s'],
      ['--expires', 'never'],
    ],
    [
      ['--networks', '192.0.2.0/24'],
      ['--networks', 'any'],
    ],
  ] as const) {
    await set(...change)
    await refused(ssh('pwd'), /Permission denied/)
    await set(...back)
    await fine(ssh('pwd'))
  }
  await adminWords(server, ['user', 'disable', 'ada'])
  await refused(ssh('pwd'), /Permission denied/)
  await adminWords(server, ['user', 'enable', 'ada'])
  await fine(ssh('pwd'))
})

test('rights: a new session over a connection that was made before is refused with the reason', {
  skip,
}, async () => {
  using client = await sftpClient(server)
  assert.equal((await client.exec('pwd')).status, 0)
  await set('--expires', '0.001s')

  // Hashing its input asks for no file, and so for no right: only the door is in the way.
  const { status, stderr } = await client.exec('md5sum -')
  assert.equal(status, 1)
  assert.match(stderr, /^"ada" has expired: ask an admin\n$/)
})

test('rights: disabling and deleting end the sessions that are open', { skip }, async () => {
  for (const words of [
    ['user', 'disable', 'bob'],
    ['user', 'del', 'bob', '--yes'],
  ]) {
    await adminWords(server, ['user', 'add', 'bob', '--key-line', readFileSync(`${server.key}.pub`, 'utf8')])
    await adminWords(server, ['user', 'enable', 'bob'])
    using client = await sftpClient(server, 'bob')
    await client.put('/a', 'a')
    await adminWords(server, words)
    await client.closed
  }
})

test('rights: more sessions than the cap are refused with a sentence, of every kind', { skip }, async () => {
  await set('--sessions', '1')
  {
    using client = await sftpClient(server)
    await client.stat('/')
    for (const other of [ssh('pwd'), shell('pwd'), sftp('pwd'), scp('-O', 'small', 'ftp:new')])
      await refused(other, /"ada" has 1 of 1 sessions open already/)
  }
  await set('--sessions', '2')
  await fine(ssh('pwd'))
})

test('rights: caps on bandwidth hold for sftp, scp, exec and shell together, both ways', {
  skip,
}, async () => {
  await set('--rate-up', '200KiB', '--rate-down', '200KiB')
  writeFileSync(join(local, 'piece'), noise(200 * 1024))
  writeFileSync(join(home, 'piece'), noise(200 * 1024))
  const took = async (...all: readonly (() => Promise<Done>)[]): Promise<number> => {
    const began = performance.now()
    await Promise.all(all.map((one) => fine(one())))
    return performance.now() - began
  }
  const piece = readFileSync(join(local, 'piece'))
  const exec = () => run('ssh', [...config(), 'ftp', 'put', 'd'], { input: piece })

  // Four pieces at the rate of one a second, of which one is in store: three seconds, and never less.
  const up = await took(
    () => sftp('put piece a'),
    () => scp('piece', 'ftp:b'),
    () => scp('-O', 'piece', 'ftp:c'),
    exec,
  )
  const down = await took(
    () => sftp('get piece a'),
    () => scp('ftp:piece', 'b'),
    () => scp('-O', 'ftp:piece', 'c'),
    () => ssh('get piece'),
  )

  assert.ok(up >= 2900, `up took ${up} ms`)
  assert.ok(down >= 2900, `down took ${down} ms`)

  writeFileSync(join(home, 'begun'), piece.subarray(0, 1000))
  const proof = createHash('md5').update(piece.subarray(0, 1000)).digest('hex')
  const input = Buffer.concat([piece, piece, piece])
  const on = await took(() =>
    run('ssh', [...config(), 'ftp', 'put', 'begun', '--offset', '1000', '--md5', proof], { input }),
  )
  assert.ok(on >= 1900, `what was gone on with took ${on} ms`)
  for (const name of ['a', 'b', 'c', 'd']) sameFile(join(home, name), join(local, 'piece'))
})
