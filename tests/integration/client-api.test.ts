import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, isOpError, type Progress } from '../../src/client/api.ts'
import { claimPart } from '../../src/client/claim-part.ts'
import { openFolder } from '../../src/client/local-disk.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import { run } from '../support/run-client.ts'
import { PROJECT, startServer } from '../support/start-server.ts'
import { makeTree, md5, noise, sameFile, sameTree } from '../support/trees.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)
const options = { host: 'ftp', config: server.sshConfig }

test('client API: the example runs, and shows what it says', async () => {
  const done = await run(
    process.execPath,
    [join(PROJECT, 'examples/6-node-api.mjs'), 'ftp', server.sshConfig],
    {
      cwd: server.folder,
    },
  )

  assert.equal(done.status, 0, done.stderr)
  assert.match(
    done.stdout,
    /sent: moved, MD5 ([0-9a-f]{32}), verified: true\nthe server says \1\nHello from a program/,
  )
  assert.match(done.stdout, /gone: /)
})

test('client API: puts and gets, tells how far it is, lists, hashes, renames, removes', async () => {
  await using client = await connect(options)
  writeFileSync(here('a.bin'), noise(2_000_000))
  const seen: Progress[] = []

  await client.mkdir('deep/er', { parents: true })
  const [sent] = await client.put(here('a.bin'), 'deep/er/', {
    onProgress: (progress) => seen.push(progress),
  })
  await client.rename('deep/er/a.bin', 'deep/b ü.bin')
  const [got] = await client.get('deep/*.bin', here('b.bin'))

  assert.deepEqual([sent?.did, sent?.verified, sent?.md5], ['moved', true, md5(here('a.bin'))])
  assert.deepEqual([got?.did, got?.verified], ['moved', true])
  assert.equal(seen.at(-1)?.done, 2_000_000)
  sameFile(here('b.bin'), here('a.bin'))
  assert.deepEqual((await client.list('deep')).map(({ name, kind }) => `${kind} ${name}`).sort(), [
    'directory er',
    'file b ü.bin',
  ])
  assert.equal(await client.md5('deep/b ü.bin'), md5(here('a.bin')))
  assert.equal((await client.stat('deep/b ü.bin'))?.size, 2_000_000)
  assert.equal(await client.stat('deep/nothing'), undefined)
  await client.remove('deep', { recursive: true })
  assert.equal(await client.stat('deep'), undefined)
})

test('client API: many questions at once go over one session', async () => {
  await using client = await connect(options)

  const told = await Promise.all(Array.from({ length: 40 }, () => client.stat('no such')))

  assert.deepEqual(new Set(told), new Set([undefined]))
})

test('client API: a tree there and back, four files at once', async () => {
  await using client = await connect(options)
  const tree = makeTree(here('tree'))

  await client.put(tree, 'copy', { recursive: true, jobs: 4 })
  await client.get('copy', here('again'), { recursive: true, jobs: 4 })

  sameTree(there('copy'), tree)
  sameTree(here('again'), tree)
})

test('client API: errors are typed, and an abort ends a transfer and leaves the client usable', async () => {
  await using client = await connect(options)
  writeFileSync(here('other.bin'), noise(10, 2))
  mkdirSync(there('folder'), { recursive: true })
  writeFileSync(there('other.bin'), noise(10, 3))

  const code = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'nothing',
      (error: unknown) => (isOpError(error) ? error.code : String(error)),
    )
  assert.equal(await code(client.put(here('other.bin'), 'other.bin')), 'EEXIST')
  assert.equal(await code(client.put(here('no such'), '.')), 'ENOENT')
  assert.equal(await code(client.get('no such', here('x'))), 'ENOENT')
  assert.equal(await code(client.get('folder', here('x'))), 'EISDIR')
  assert.equal(await code(client.mkdir('folder')), 'EEXIST')
  assert.equal(await code(connect({ ...options, host: '127.0.0.1', port: 1 })), 'ECONNREFUSED')
  assert.equal(await code(connect({ ...options, host: '127.0.0.1', port: 99_999 })), 'EUSAGE')
  for (const jobs of [0, 1.5, 8, Number.NaN])
    assert.equal(await code(client.put(here('other.bin'), 'jobs.bin', { jobs })), 'EUSAGE', `${jobs} jobs`)
  await assert.rejects(client.rename('no such', 'x'), /: "\/no such"$/)

  writeFileSync(here('large.bin'), noise(20_000_000))
  const stop = new AbortController()
  const onProgress = (): void => stop.abort()
  assert.equal(
    await code(client.put(here('large.bin'), '.', { signal: stop.signal, onProgress })),
    'ECANCELED',
  )
  await client.put(here('large.bin'), '.')
  sameFile(there('large.bin'), here('large.bin'))
})

test('client API: a wrong password is EACCES, an unknown host EPERM, and neither asks anybody', async () => {
  const plain = {
    host: '127.0.0.1',
    port: server.port,
    user: 'ada',
    config: '/dev/null',
    keys: ['/dev/null'],
  }
  const known = (file: string): readonly string[] => [
    `UserKnownHostsFile=${file}`,
    'StrictHostKeyChecking=accept-new',
  ]

  await assert.rejects(
    connect({
      ...plain,
      password: 'x',
      options: ['UserKnownHostsFile=/dev/null', 'GlobalKnownHostsFile=/dev/null'],
    }),
    { code: 'EPERM' },
  )
  await assert.rejects(connect({ ...plain, password: 'wrong', options: known(here('known')) }), {
    code: 'EACCES',
  })
  await using right = await connect({ ...plain, password: server.password, options: known(here('known')) })
  assert.ok(Array.isArray(await right.list()))
})

test('client API: what another fetches into one place is left to that, and fetched when that is over', async () => {
  await using client = await connect(options)
  writeFileSync(there('both.bin'), noise(2_000_000, 40))
  await using disk = openFolder(server.folder, '')
  const [path, part] = [virtualPath('/both.bin'), virtualPath('/both.bin.part')]
  const other = await claimPart({ vfs: disk, path, name: 'both.bin', part, partName: 'both.bin.part' })

  await assert.rejects(client.get('both.bin', here('both.bin')), (error) => isOpError(error, 'EBUSY'))
  assert.ok(!existsSync(here('both.bin.part')))
  await other[Symbol.asyncDispose]()
  await client.get('both.bin', here('both.bin'))

  sameFile(here('both.bin'), there('both.bin'))
})
