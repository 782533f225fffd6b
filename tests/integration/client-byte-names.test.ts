import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeByteNames, sameByteNames } from '../support/byte-names.ts'
import { run, without } from '../support/run-client.ts'
import { MINIFTP, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'

test('client: a word of the command line that is no UTF-8 is refused, with what to do, and that does it', {
  skip: without('bash'),
}, async () => {
  await using server = await startServer()
  makeByteNames(join(server.folder, 'local'))
  mkdirSync(join(server.folder, 'back'))
  // Node's own arguments are UTF-8; the shell's are not.
  const client = (words: string) =>
    run('bash', ['-c', `"$0" "$1" ${words}`, process.execPath, MINIFTP], { cwd: server.folder })
  const config = `-F '${server.sshConfig}'`

  const made = await client(`mkdir ${config} $'ftp:caf\\xe9'`)
  const sent = await client(`put ${config} local/* ftp:`)

  assert.equal(made.status, 2, made.stderr)
  assert.match(made.stderr, /^miniftp: "ftp:caf\\xe9" is not UTF-8, .* by a pattern in quotes/)
  assert.equal(sent.status, 1, sent.stderr)
  assert.match(
    sent.stderr,
    /There is no "local\/caf\ufffd" here: a name that is not UTF-8 .* mput with a pattern/,
  )
  // An escape character is UTF-8: its file goes.
  assert.equal(readdirSync(server.home('ada')).length, 1)
  const put = await miniftp(server, ['ftp'], { input: 'mkdir up\ncd up\nlcd local\nmput *\n' })
  assert.equal(put.status, 0, put.stderr)
  sameByteNames(join(server.home('ada'), 'up'))
  const get = await miniftp(server, ['get', 'ftp:up/*', 'back'])
  assert.equal(get.status, 0, get.stderr)
  sameByteNames(join(server.folder, 'back'))
})
