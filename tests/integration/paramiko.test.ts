import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pythonWith, succeed, withoutPython } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

const skip = withoutPython('paramiko')
let server: TestServer
let local: string

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
})
after(() => server?.[Symbol.asyncDispose]())

const LOGIN = [
  'import paramiko, sys, stat, hashlib',
  'host, port, password, key = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]',
  'client = paramiko.SSHClient()',
  'client.set_missing_host_key_policy(paramiko.AutoAddPolicy())',
]
const BY_PASSWORD =
  "client.connect(host, port, 'ada', password, allow_agent=False, look_for_keys=False, timeout=20)"
const BY_KEY =
  "client.connect(host, port, 'ada', key_filename=key, allow_agent=False, look_for_keys=False, timeout=20)"

function python(...lines: readonly string[]) {
  const script = [...LOGIN, ...lines, 'client.close()', ''].join('\n')
  const args = ['-W', 'ignore', '-', server.host, String(server.port), server.password, server.key]
  return succeed(pythonWith('paramiko')!, args, { cwd: local, input: script })
}

test('paramiko: put, get, stat and listdir by password', { skip }, async () => {
  await python(
    BY_PASSWORD,
    's = client.open_sftp()',
    "s.put('mid.bin', 'up.bin')",
    "s.get('up.bin', 'down.bin')",
    "assert s.stat('up.bin').st_size == 3000001",
    "assert 'up.bin' in s.listdir()",
    "assert stat.S_ISDIR(s.stat('/').st_mode)",
  )

  sameFile(join(server.home('ada'), 'up.bin'), join(local, 'mid.bin'))
  sameFile(join(local, 'down.bin'), join(local, 'mid.bin'))
})

test('paramiko: seeks, appends, truncates and reads ahead, by key', { skip }, async () => {
  await python(
    BY_KEY,
    's = client.open_sftp()',
    "with s.open('f', 'w') as f: f.write(b'0123456789')",
    "with s.open('f', 'r+') as f:",
    '    f.seek(3); f.write(b"abc")',
    "with s.open('f', 'a') as f: f.write(b'!')",
    "assert s.open('f').read() == b'012abc6789!', s.open('f').read()",
    "s.truncate('f', 4)",
    "assert s.open('f').read() == b'012a'",
    "s.put('mid.bin', 'm')",
    "f = s.open('m'); f.prefetch(); data = f.read()",
    "assert data == open('mid.bin', 'rb').read()",
    'chunks = list(s.open("m").readv([(5, 10), (2000000, 70000)]))',
    'assert chunks[0] == data[5:15] and chunks[1] == data[2000000:2070000]',
  )
})

test('paramiko: rename, remove, folders, links, modes and times', { skip }, async () => {
  await python(
    BY_KEY,
    's = client.open_sftp()',
    "s.mkdir('d'); s.chdir('d')",
    "s.open('a', 'w').write(b'a'); s.open('b', 'w').write(b'b')",
    'try:',
    "    s.rename('a', 'b'); raise SystemExit('rename went over a file')",
    'except IOError: pass',
    "s.posix_rename('a', 'b')",
    "assert s.open('b').read() == b'a' and s.listdir() == ['b']",
    "s.symlink('b', 'l'); assert s.readlink('l') == 'b' and stat.S_ISLNK(s.lstat('l').st_mode)",
    "s.chmod('b', 0o640); s.utime('b', (1000000001, 1000000007))",
    "got = s.stat('b'); assert got.st_mode & 0o777 == 0o640 and got.st_mtime == 1000000007",
    "s.remove('l'); s.remove('b'); s.chdir(None); s.rmdir('d')",
    'try:',
    "    s.stat('d'); raise SystemExit('still there')",
    'except FileNotFoundError: pass',
  )
})

test('paramiko: exec answers with output and status', { skip }, async () => {
  await python(
    BY_KEY,
    "i, o, e = client.exec_command('pwd')",
    "assert o.read() == b'/\\n' and o.channel.recv_exit_status() == 0",
    "i, o, e = client.exec_command('md5sum')",
    "i.write(b'abc'); i.channel.shutdown_write()",
    "assert o.read().split()[0].decode() == hashlib.md5(b'abc').hexdigest()",
  )
})

test('paramiko: after a wrong password the right one does, on the same connection', { skip }, async () => {
  await python(
    't = paramiko.Transport((host, port)); t.start_client(timeout=20)',
    'try:',
    "    t.auth_password('ada', 'wrong'); raise SystemExit('wrong password taken')",
    'except paramiko.AuthenticationException: pass',
    "t.auth_password('ada', password)",
    'assert t.is_authenticated()',
    't.close()',
  )
})
