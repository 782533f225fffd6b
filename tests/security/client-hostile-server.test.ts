import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sftp } from '../../src/sftpd/subsystem.ts'
import { memoryFileSystem } from '../../src/vfs/memory.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import type { Entry, VirtualFileSystem } from '../../src/vfs/vfs.ts'
import { run } from '../support/run-client.ts'
import { MINIFTP } from '../support/run-miniftp.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

/*
 * A server that means ill. Somebody fetches a folder of it with `get -r`, and it lists names that lead out of the
 * folder he named: `../evil`, `/etc/evil`, `..`. Or it counts on a link in his folder that leads elsewhere, and sends
 * a folder of the link's name with a file in it. What he fetched lies below the folder he named, or nowhere.
 */

const EVIL = ['..', '.', '../evil', 'a/../../evil', '/tmp/evil', 'nul\0evil', '']

/** A tree whose listings hold every evil name beside the true ones. */
function evil(vfs: VirtualFileSystem): VirtualFileSystem {
  return {
    ...vfs,
    async openDirectory(path) {
      const folder = await vfs.openDirectory(path)
      const stat = await vfs.stat(virtualPath('/d/good'))
      let told = false
      return {
        async read(most) {
          const found = await folder.read(most)
          if (told) return found
          told = true
          return [...EVIL.map((name): Entry => ({ name, stat })), ...found]
        },
        close: () => folder.close(),
      }
    },
  }
}

test('a hostile server: what it lists lands below the folder that was named, or nowhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'))
  const memory = memoryFileSystem()
  await memory.mkdir(virtualPath('/d'))
  await memory.mkdir(virtualPath('/d/link'))
  for (const name of ['/d/good', '/d/link/out']) {
    const file = await memory.open(virtualPath(name), { write: true, create: true })
    await file.write([Buffer.from('bytes')], 0)
    await file.close()
  }
  const serve = sftp({ open: () => evil(memory) })
  await using porch = await startPorch((session) =>
    session.request.type === 'subsystem' ? serve(session) : Promise.resolve(1),
  )
  mkdirSync(join(folder, 'work/into/d'), { recursive: true })
  mkdirSync(join(folder, 'elsewhere'))
  writeFileSync(join(folder, 'elsewhere/mine'), 'mine')
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'work/into/d/link'))
  const way = ['-F', '/dev/null', '-P', String(porch.port), '-o', 'StrictHostKeyChecking=accept-new']
  const rest = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentityFile=/dev/null']
  try {
    const done = await run(
      process.execPath,
      ['--no-warnings', MINIFTP, 'get', '-r', ...way, ...rest, `${ADA.name}@127.0.0.1:d`, 'into'],
      {
        cwd: join(folder, 'work'),
        env: { ...process.env, MINIFTP_PASSWORD: ADA.password, SSH_AUTH_SOCK: undefined },
      },
    )

    assert.equal(done.status, 1, 'what could not be fetched is a failure')
    assert.match(done.stderr, /"\/d\/link" is left out/)
    assert.deepEqual(readdirSync(join(folder, 'work/into/d')).sort(), ['good', 'link'], done.stderr)
    assert.deepEqual(readdirSync(join(folder, 'elsewhere')), ['mine'])
    assert.deepEqual(readdirSync(folder).sort(), ['elsewhere', 'work'])
    assert.deepEqual(readdirSync(join(folder, 'work')), ['into'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a server that stores other bytes than were sent: the upload is not taken for done, and is not closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'corrupting-'))
  const memory = memoryFileSystem()
  let closed = 0
  const corrupting: VirtualFileSystem = {
    ...memory,
    async open(path, flags, attrs) {
      const file = await memory.open(path, flags, attrs)
      return {
        ...file,
        write: ([first, ...more], at) => file.write([Buffer.from(first!).fill(0, 0, 1), ...more], at),
        close() {
          closed++
          return file.close()
        },
      }
    },
  }
  const serve = sftp({ open: () => corrupting })
  await using porch = await startPorch((session) =>
    session.request.type === 'subsystem' ? serve(session) : Promise.resolve(1),
  )
  writeFileSync(join(folder, 'f'), 'content')
  const way = ['-F', '/dev/null', '-P', String(porch.port), '-o', 'StrictHostKeyChecking=accept-new']
  const rest = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentityFile=/dev/null']
  try {
    const done = await run(
      process.execPath,
      ['--no-warnings', MINIFTP, 'put', ...way, ...rest, 'f', `${ADA.name}@127.0.0.1:`],
      { cwd: folder, env: { ...process.env, MINIFTP_PASSWORD: ADA.password, SSH_AUTH_SOCK: undefined } },
    )

    assert.equal(done.status, 1, done.stdout)
    assert.match(
      done.stderr,
      /"f" did not arrive as it was sent: MD5 [0-9a-f]{32} here and [0-9a-f]{32} at the server/,
    )
    assert.equal(closed, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a server that sends other bytes than it has: the download gets no name, alone and in a tree', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'corrupting-'))
  const memory = memoryFileSystem()
  const corrupting: VirtualFileSystem = {
    ...memory,
    async open(path, flags, attrs) {
      const file = await memory.open(path, flags, attrs)
      let reads = 0
      return {
        ...file,
        quick: () => false,
        // What is sent is other than what is hashed afterwards.
        async read(into, at) {
          const count = await file.read(into, at)
          if (reads++ === 0 && count > 0) into[0]!.fill(0, 0, 1)
          return count
        },
      }
    },
  }
  await memory.mkdir(virtualPath('/d'))
  const file = await memory.open(virtualPath('/d/f'), { write: true, create: true })
  await file.write([Buffer.from('content')], 0)
  await file.close()
  const serve = sftp({ open: () => corrupting })
  await using porch = await startPorch((session) =>
    session.request.type === 'subsystem' ? serve(session) : Promise.resolve(1),
  )
  mkdirSync(join(folder, 'into'))
  const way = ['-F', '/dev/null', '-P', String(porch.port), '-o', 'StrictHostKeyChecking=accept-new']
  const rest = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentityFile=/dev/null']
  const get = (...words: readonly string[]) =>
    run(process.execPath, ['--no-warnings', MINIFTP, 'get', ...way, ...rest, ...words], {
      cwd: folder,
      env: { ...process.env, MINIFTP_PASSWORD: ADA.password, SSH_AUTH_SOCK: undefined },
    })
  try {
    for (const words of [
      [`${ADA.name}@127.0.0.1:d/f`, 'into'],
      ['-r', `${ADA.name}@127.0.0.1:d`, 'into'],
    ]) {
      const done = await get(...words)

      assert.equal(done.status, 1, done.stdout)
      assert.match(
        done.stderr,
        /"(into\/d\/)?f" did not arrive as it was sent: MD5 [0-9a-f]{32} here and [0-9a-f]{32}/,
      )
    }
    assert.deepEqual(readdirSync(join(folder, 'into')).sort(), ['d', 'f.part'])
    assert.deepEqual(readdirSync(join(folder, 'into/d')), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
