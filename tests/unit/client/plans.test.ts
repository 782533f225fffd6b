import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { OpError } from '../../../src/base/error.ts'
import type { Line } from '../../../src/client/link.ts'
import { openDisk } from '../../../src/client/local-disk.ts'
import { planGet, planPut } from '../../../src/client/plans.ts'
import { newPut, putFile } from '../../../src/client/put-file.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { OK, type Reply } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

const CONTENT = 'the same here and there'
const FOLDERS = ['tree', 'tree/deep']
const NAMES = ['1', '2', '3', '4']

const folder = mkdtempSync(join(tmpdir(), 'plans-'))
after(() => rmSync(folder, { recursive: true }))
for (const name of FOLDERS) {
  mkdirSync(join(folder, name))
  for (const file of NAMES) writeFileSync(join(folder, name, file), CONTENT)
}

/** A server that has these folders, and in each the files, of which the second's upload was not finished. */
async function serving(content: string) {
  const isFolder = (path: string): boolean => path === '/' || FOLDERS.includes(path.slice(1))
  const server = await scriptedSession((request, answer) => {
    const attrs = (path: string): Reply => ({
      type: 'attrs',
      stat: isFolder(path) ? { ...statOf(0), mode: 0o40755 } : statOf(content.length),
    })
    if (request.type === 'stat' || request.type === 'lstat') answer(attrs(request.path))
    else if (request.type === 'fstat') answer(attrs('a file'))
    else if (request.type === 'mkdir') answer(refusal())
    else if (request.type !== 'open') answer(OK)
    else answer(request.flags.exclusive ? refusal() : { type: 'handle', handle: request.path })
  })
  const commands: string[] = []
  const line = {
    vfs: remoteFileSystem(server.session),
    hashes: { ofSmall: async () => createHash('md5').update(content).digest('hex') },
    isOurs: true,
    keepsExclusive: true,
    exec: async (command: string) => {
      commands.push(command)
      return { status: 0, stdout: '[{"name":"1","partial":false},{"name":"2","partial":true}]' }
    },
  } as unknown as Line
  return { server, line, commands }
}

const running = {
  digests: undefined as never,
  signal: new AbortController().signal,
  onProgress() {},
  tell: assert.fail,
}

const planned = (life: AsyncDisposableStack) => ({
  wishes: { recursive: true },
  disk: life.use(openDisk('/')),
  life,
  folder: virtualPath('/'),
  tell: assert.fail,
  failed: assert.fail,
  kept: () => assert.fail(),
})

test('sending a tree that is there already: asks once a folder which files are unfinished, and finishes those', async () => {
  const { server, line, commands } = await serving(CONTENT)
  await using life = new AsyncDisposableStack()
  const jobs = await planPut([join(folder, 'tree')], virtualPath('/'), true, line, planned(life))

  const outcomes = await Promise.all(jobs.map((job) => job.run(line, running)))

  assert.deepEqual(new Set(outcomes.map(({ did }) => did)), new Set(['same']))
  assert.equal(outcomes.length, FOLDERS.length * NAMES.length)
  assert.deepEqual(commands.sort(), ['ls -a --json /tree', 'ls -a --json /tree/deep'])
  const closed = server.asked.flatMap((request) => (request.type === 'close' ? [request.handle] : []))
  assert.deepEqual(closed.sort(), ['/tree/2', '/tree/deep/2'])
})

test('fetching several files: asks once a folder which are unfinished, and refuses those', async () => {
  const { line, commands } = await serving(CONTENT)
  await using life = new AsyncDisposableStack()
  const sources = NAMES.map((name) => virtualPath(`/tree/deep/${name}`))

  const jobs = await planGet(sources, folder, true, line, planned(life))

  assert.deepEqual(commands, ['ls -a --json /tree/deep'])
  await assert.rejects(jobs[1]!.run(line, running), { code: 'EBUSY' })
})

test('fetching a file: it is told where it goes as the folder was written', async () => {
  const { line } = await serving(CONTENT)
  await using life = new AsyncDisposableStack()
  const parts = { ...planned(life), folder: virtualPath(Buffer.from(folder).toString('latin1')) }
  const source = virtualPath('/tree/deep/1')

  for (const [target, told] of [
    ['.', '1'],
    ['./', '1'],
    ['tree', 'tree/1'],
    ['tree//', 'tree/1'],
    ['tree/other', 'tree/other'],
    ['other', 'other'],
    [`${folder}/tree`, `${folder}/tree/1`],
  ] as const) {
    const [job] = await planGet([source], target, !target.endsWith('other'), line, parts)

    assert.equal(job?.target, told)
  }
})

test('sending again what this run began: what a listing told before is not believed', async () => {
  const { line, commands } = await serving(CONTENT)
  await using disk = openDisk(folder)
  const source = { vfs: disk, path: virtualPath('/tree/2'), name: '2' }
  const begun = { ...newPut(), began: true }

  const attempt = { line, wishes: {}, memory: begun, parts: running }
  const { did } = await putFile(source, virtualPath('/tree/2'), attempt, async () => assert.fail())

  assert.equal(did, 'same')
  assert.deepEqual(commands, ['stat --json /tree/2'])
})

test('sending what an older run still sends: is compared as far as it was told to be there', async () => {
  const { line } = await serving(CONTENT.slice(0, 5))
  await using disk = openDisk(folder)
  const source = { vfs: disk, path: virtualPath('/tree/2'), name: '2' }
  const md5 = (bytes?: number): string => createHash('md5').update(CONTENT.slice(0, bytes)).digest('hex')
  // By the time it is asked, all of it has come.
  const hashes = { ofSmall: async () => md5(), md5: async (_: string, bytes?: number) => md5(bytes) }
  const grown = { ...line, hashes } as unknown as Line

  const attempt = { line: grown, wishes: {}, memory: newPut(), parts: running }
  const { did, resumedAt } = await putFile(source, virtualPath('/tree/2'), attempt)

  assert.deepEqual([did, resumedAt], ['moved', 5])
})

test('of several files that are named: one that cannot be taken is told, and the others go, both ways', async () => {
  const { line } = await serving(CONTENT)
  await using life = new AsyncDisposableStack()
  const told: string[] = []
  const failed: string[] = []
  const parts = {
    ...planned(life),
    wishes: {},
    tell: (text: string) => void told.push(text),
    failed: ({ code }: OpError) => void failed.push(code),
  }
  const at = (name: string): string => join(folder, 'tree', name)

  const put = await planPut([at('none'), at('deep'), at('1')], virtualPath('/'), true, line, parts)
  const get = await planGet([virtualPath('/tree'), virtualPath('/tree/1')], folder, true, line, parts)

  assert.deepEqual(
    [put, get].map((jobs) => jobs.map(({ target }) => target)),
    [['/1'], [`${folder}/1`]],
  )
  assert.deepEqual(failed, ['ENOENT', 'EISDIR', 'EISDIR'])
  assert.deepEqual(told, [
    `"${at('none')}" is left out: There is no "${at('none')}" here`,
    `"${at('deep')}" is left out: "${at('deep')}" is a folder: send it with -r`,
    '"/tree" is left out: "/tree" is a folder: fetch it with -r',
  ])
})
