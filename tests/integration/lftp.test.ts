import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('lftp', 'ssh-keygen')
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

function lftp(...commands: readonly string[]) {
  const script = [
    'set cmd:fail-exit yes',
    'set net:max-retries 2',
    'set net:timeout 20',
    `set sftp:connect-program "ssh -a -x -F ${server.sshConfig}"`,
    `open -p ${server.port} sftp://ada:@127.0.0.1`,
    ...commands,
    'bye',
  ]
  const env = { ...process.env, HOME: server.folder, LFTP_HOME: server.folder }
  return succeed('lftp', ['-c', script.join('; ')], { cwd: local, env })
}

test('lftp: mirror -R and mirror with eight at once give the same tree', { skip }, async () => {
  const tree = makeTree(join(local, 'tree'))

  await lftp('mirror -R -P8 tree up', 'mirror -P8 up back')

  sameTree(join(server.home('ada'), 'up'), tree)
  sameTree(join(local, 'back'), tree)
})

test('lftp: pget takes one file in four pieces', { skip }, async () => {
  await lftp('put mid.bin -o pieces', 'pget -n 4 pieces -o pieces.back')

  sameFile(join(local, 'pieces.back'), join(local, 'mid.bin'))
})

test('lftp: put -c goes on where it ended', { skip }, async () => {
  writeFileSync(join(local, 'half'), noise(3_000_001).subarray(0, 1_234_567))

  await lftp('put half -o resumed', 'put -c mid.bin -o resumed')

  sameFile(join(server.home('ada'), 'resumed'), join(local, 'mid.bin'))
})
