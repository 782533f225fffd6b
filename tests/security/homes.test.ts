// Nobody attacks. An operator moves homes to another disk, which is full, or forgets to mount it, or gives it to another
// user; and ada, who comes in the midst of it, must hear what is wrong and whom to tell, and not where on the server's
// disk her files would be.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Done, run, without } from '../support/run-client.ts'
import { smallDisk, withoutDisks } from '../support/small-disk.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { until } from '../support/workers.ts'

const skip = without('ssh')

/** What ada hears at each door. */
async function everywhere(server: TestServer): Promise<readonly Done[]> {
  const config = ['-F', server.sshConfig]
  const file = join(server.folder, 'up')
  writeFileSync(file, 'x')
  return [
    await run('ssh', [...config, 'ftp', 'ls']),
    await run('ssh', [...config, 'ftp'], { input: 'ls\n' }),
    await run('sftp', [...config, '-b', '-', 'ftp'], { input: 'ls\n' }),
    await run('scp', ['-O', ...config, file, 'ftp:']),
  ]
}

function logOf(server: TestServer): string {
  const folder = join(server.var, 'log')
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')
}

async function checkTold(server: TestServer, why: RegExp): Promise<void> {
  for (const { command, status, stdout, stderr } of await everywhere(server)) {
    assert.notEqual(status, 0, command)
    assert.match(stderr + stdout, /Your files cannot be opened, tell an admin: /, command)
    assert.match(stderr + stdout, why, command)
    assert.ok(!`${stderr}${stdout}`.replaceAll(join(server.folder, 'up'), '').includes(server.folder), stderr)
  }
  // What is logged is written a moment later.
  await until('the log says so', () => /"session refused"/.test(logOf(server)))
  assert.doesNotMatch(logOf(server), /"level":"error"/)
}

for (const [what, put, why] of [
  ['a file', (home: string) => writeFileSync(home, 'x'), /Not a folder/],
  ['a link', (home: string) => symlinkSync('/etc', home), /Not a folder/],
] as const) {
  test(`homes: where the home is ${what}, each door says so, without a real path`, { skip }, async () => {
    await using server = await startServer()
    const home = server.home('ada')
    renameSync(home, `${home}.aside`)
    put(home)

    await checkTold(server, why)

    rmSync(home)
    renameSync(`${home}.aside`, home)
    assert.equal((await run('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])).stdout, '/\n')
  })
}

test('homes: on a disk that takes no writes a home that is not there is not made, and each door says so', {
  skip: skip || withoutDisks(),
}, async () => {
  await using server = await startServer()
  using disk = smallDisk(join(server.var, 'home'), 1)
  disk.readOnly(true)

  await checkTold(server, /The disk is read-only/)

  disk.readOnly(false)
  assert.equal((await run('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])).stdout, '/\n')
})
