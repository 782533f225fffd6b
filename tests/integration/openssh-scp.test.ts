import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('scp', 'ssh-keygen')
let server: TestServer
let home: string
let local: string

before(async () => {
  if (skip) return
  server = await startServer()
  home = server.home('ada')
  local = join(server.folder, 'local')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
  makeTree(join(local, 'tree'))
})
after(() => server?.[Symbol.asyncDispose]())

const scp = (...args: readonly string[]) =>
  succeed('scp', ['-q', '-F', server.sshConfig, ...args], { cwd: local })

for (const [way, flags] of [
  ['scp', ['-s']],
  ['scp -O', ['-O']],
] as const) {
  const own = (name: string) => `${name}${flags[0]}`

  test(`${way}: a file goes up and comes down`, { skip }, async () => {
    await scp(...flags, 'mid.bin', `ftp:${own('up')}`)
    await scp(...flags, `ftp:${own('up')}`, own('down'))

    sameFile(join(home, own('up')), join(local, 'mid.bin'))
    sameFile(join(local, own('down')), join(local, 'mid.bin'))
  })

  test(`${way}: -r takes a tree both ways`, { skip }, async () => {
    await scp(...flags, '-r', 'tree', `ftp:${own('tree')}`)
    await scp(...flags, '-r', `ftp:${own('tree')}`, own('back'))

    sameTree(join(home, own('tree')), join(local, 'tree'))
    sameTree(join(local, own('back')), join(local, 'tree'))
  })

  test(`${way}: -p keeps mode and time`, { skip }, async () => {
    const file = join(local, own('kept'))
    writeFileSync(file, 'kept\n')
    chmodSync(file, 0o640)
    utimesSync(file, 1_000_000_007, 1_000_000_007)

    await scp(...flags, '-p', own('kept'), 'ftp:')

    const { mode, mtimeMs } = statSync(join(home, own('kept')))
    assert.equal(mode & 0o777, 0o640)
    assert.equal(Math.floor(mtimeMs / 1000), 1_000_000_007)
  })

  test(`${way}: replaces a longer file wholly`, { skip }, async () => {
    writeFileSync(join(local, 'short'), 'short\n')

    await scp(...flags, 'mid.bin', `ftp:${own('over')}`)
    await scp(...flags, 'short', `ftp:${own('over')}`)

    sameFile(join(home, own('over')), join(local, 'short'))
  })

  test(`${way}: several files into a folder, names with spaces`, { skip }, async () => {
    mkdirSync(join(home, own('box')))

    await scp(...flags, 'tree/names/with space', 'tree/names/plain', `ftp:${own('box')}`)

    sameFile(join(home, own('box'), 'with space'), join(local, 'tree/names/with space'))
    sameFile(join(home, own('box'), 'plain'), join(local, 'tree/names/plain'))
  })

  test(`${way}: into a folder that is not there is an error, and makes no file`, { skip }, async () => {
    const args = ['-F', server.sshConfig, ...flags, 'mid.bin', `ftp:${own('absent')}/`]

    const { status, stderr } = await run('scp', args, { cwd: local })

    assert.equal(status, 1)
    assert.match(stderr, /absent/)
    assert.equal(existsSync(join(home, own('absent'))), false)
  })

  test(`${way}: a file that is not there is an error`, { skip }, async () => {
    const { status, stderr } = await run(
      'scp',
      ['-F', server.sshConfig, ...flags, 'ftp:nothing', own('nothing')],
      {
        cwd: local,
      },
    )

    assert.equal(status, 1)
    assert.match(stderr, /nothing/)
  })
}

/** A fresh folder of that name at both sides. */
function both(name: string): { readonly there: string; readonly here: string } {
  const [there, here] = [join(home, name), join(local, name)]
  for (const folder of [there, here]) mkdirSync(folder)
  return { there, here }
}
const scpIn = (cwd: string, ...args: readonly string[]) =>
  run('scp', ['-q', '-O', '-F', server.sshConfig, ...args], { cwd })

// What a file holds is no record: the bytes of one that the client refused were read by it as the next file's.
test('scp -O: a file that the client refuses is left out with its bytes, and the others come', {
  skip,
}, async () => {
  const { there, here } = both('refused-here')
  writeFileSync(join(there, 'a'), 'C0644 5 b\nEVIL!\0')
  for (const name of ['b', 'c']) writeFileSync(join(there, name), `good ${name}`)
  mkdirSync(join(here, 'a'))

  const { status, stderr } = await scpIn(here, 'ftp:refused-here/*', '.')

  assert.equal(status, 1)
  assert.match(stderr, /a: Is a directory/)
  for (const name of ['b', 'c']) sameFile(join(here, name), join(there, name))
})

// Its files were put in the folder above, over others of the same names.
test('scp -O -r: a folder that the client refuses is left out with all in it', { skip }, async () => {
  const { there, here } = both('tree-refused-here')
  makeTree(join(there, 'd', 'sub'))
  writeFileSync(join(there, 'd', 'sub', 'mine'), 'theirs')
  writeFileSync(join(there, 'd', 'z'), 'behind it')
  mkdirSync(join(here, 'd'))
  writeFileSync(join(here, 'd', 'mine'), 'mine')
  writeFileSync(join(here, 'd', 'sub'), 'a file')

  const { status } = await scpIn(here, '-r', 'ftp:tree-refused-here/d', '.')

  assert.equal(status, 1)
  assert.deepEqual(readdirSync(join(here, 'd')).sort(), ['mine', 'sub', 'z'])
  assert.equal(readFileSync(join(here, 'd', 'mine'), 'utf8'), 'mine')
})

test('scp -O -r: a folder that the server refuses is left out, and what comes behind it is taken', {
  skip,
}, async () => {
  const { there, here } = both('refused-there')
  for (const name of ['one', 'three']) writeFileSync(join(here, name), name)
  makeTree(join(here, 'two'))
  writeFileSync(join(there, 'two'), 'a file')

  const { status, stderr } = await scpIn(here, '-r', 'one', 'two', 'three', 'ftp:refused-there')

  assert.equal(status, 1)
  assert.match(stderr, /"\/refused-there\/two"/)
  assert.deepEqual(readdirSync(there).sort(), ['one', 'three', 'two'])
})
