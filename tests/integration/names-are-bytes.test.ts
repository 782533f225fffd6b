import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeByteNames, sameByteNames } from '../support/byte-names.ts'
import { pythonWith, run, succeed, without, withoutPython } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh', 'ssh-keygen')
let server: TestServer
let local: string

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  makeByteNames(local)
})
after(() => server?.[Symbol.asyncDispose]())

test('names of any bytes: OpenSSH sftp takes them up and brings them down', { skip }, async () => {
  const batch = 'put -r local by-sftp\nget -r by-sftp back-by-sftp\n'

  await succeed('sftp', ['-q', '-F', server.sshConfig, '-b', '-', 'ftp'], {
    input: batch,
    cwd: server.folder,
  })

  sameByteNames(join(server.home('ada'), 'by-sftp'))
  sameByteNames(join(server.folder, 'back-by-sftp'))
})

test('names of any bytes: scp -O takes them up and brings them down', { skip }, async () => {
  const scp = (...words: readonly string[]) =>
    succeed('scp', ['-O', '-q', '-r', '-F', server.sshConfig, ...words], { cwd: server.folder })

  await scp('local', 'ftp:by-scp')
  await scp('ftp:by-scp', 'back-by-scp')

  sameByteNames(join(server.home('ada'), 'by-scp'))
  sameByteNames(join(server.folder, 'back-by-scp'))
})

test('names of any bytes: a command by exec means the bytes that were typed', {
  skip: skip || without('bash'),
}, async () => {
  const home = server.home('ada')
  makeByteNames(join(home, 'exec'))
  // Node's own arguments are UTF-8; the shell's are not.
  const ssh = (command: string) =>
    run('bash', ['-c', `ssh -F "$0" -T ftp ${command}`, server.sshConfig], { cwd: server.folder })

  const hash = await ssh(`$'md5sum exec/caf\\xe9'`)
  const moved = await ssh(`$'mv exec/caf\\xe9 exec/\\xf8'`)

  assert.equal(hash.status, 0, hash.stderr)
  assert.equal(moved.status, 0, moved.stderr)
  const names = readdirSync(join(home, 'exec'), { encoding: 'latin1' as 'utf8' })
  assert.ok(names.includes('\xf8') && !names.includes('caf\xe9'), names.join())
})

test('names of any bytes: lftp mirrors them both ways', { skip: skip || without('lftp') }, async () => {
  const program = `ssh -a -x -F ${server.sshConfig}`
  const script = [
    `set sftp:connect-program "${program}"`,
    'set sftp:charset latin1; set file:charset latin1; set cmd:fail-exit yes',
    'open sftp://ada:x@ftp',
    'mirror -R local by-lftp',
    'mirror by-lftp back-by-lftp',
  ].join('\n')

  writeFileSync(join(server.folder, 'script'), script)
  await succeed('lftp', ['-f', 'script'], {
    cwd: server.folder,
    env: { ...process.env, HOME: server.folder, LC_ALL: 'C' },
  })

  sameByteNames(join(server.home('ada'), 'by-lftp'))
  sameByteNames(join(server.folder, 'back-by-lftp'))
})

test('names of any bytes: paramiko lists and reads them', {
  skip: skip || withoutPython('paramiko'),
}, async () => {
  makeByteNames(join(server.home('ada'), 'listed'))
  const program = `
import os, sys, paramiko
transport = paramiko.Transport(('127.0.0.1', ${server.port}))
transport.connect(username='ada', password='${server.password}')
sftp = paramiko.SFTPClient.from_transport(transport)
for name in os.listdir(b'local'):
    with sftp.open(b'listed/' + name) as there, open(b'local/' + name, 'rb') as here:
        assert there.read() == here.read(), name
transport.close()
`

  await succeed(pythonWith('paramiko')!, ['-W', 'ignore', '-c', program], { cwd: server.folder })
})
