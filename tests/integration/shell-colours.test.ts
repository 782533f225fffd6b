import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh')
let server: TestServer
before(async () => {
  if (skip) return
  server = await startServer()
  mkdirSync(join(server.home('ada'), 'folder'), { recursive: true })
})
after(() => server?.[Symbol.asyncDispose]())

/** A prompt and a folder in colours. */
const BOLD_PROMPT = '\x1b[1mada\x1b[0m:/> '
const BLUE_FOLDER = '\x1b[1;34mfolder\x1b[0m/'

/** All that ssh shows in a terminal of that kind, be there one or not. */
async function shown(
  term: string | undefined,
  { command = [] as readonly string[], input = '', terminal = true } = {},
): Promise<string> {
  const words = ['-F', server.sshConfig, terminal ? '-tt' : '-T', 'ftp', ...command]
  const { stdout, stderr, status } = await run('ssh', words, { env: { ...process.env, TERM: term }, input })
  assert.equal(status, 0, stderr)
  return stdout
}

const TYPED = { input: 'ls\rbye\r' }

for (const term of ['xterm-256color', 'screen', 'vt100', 'linux'])
  test(`colours: a terminal that calls itself ${term} has them, at the prompt and by ssh -t`, {
    skip,
  }, async () => {
    const shell = await shown(term, TYPED)

    assert.ok(shell.includes(BOLD_PROMPT), JSON.stringify(shell))
    assert.ok(shell.includes(BLUE_FOLDER), JSON.stringify(shell))
    assert.ok((await shown(term, { command: ['ls'] })).includes(BLUE_FOLDER))
  })

for (const term of ['dumb', 'unknown', '', undefined])
  test(`colours: a terminal that calls itself ${term ?? 'nothing'} is sent nothing but text`, {
    skip,
  }, async () => {
    const shell = await shown(term, TYPED)
    const alone = await shown(term, { command: ['ls'] })

    assert.match(shell, /ada:\/> /)
    assert.match(shell, /\r\nfolder\/\r\n/)
    assert.equal(alone, 'folder/\r\n')
    assert.ok(!shell.includes('\x1b'), JSON.stringify(shell))
  })

test('colours: without a terminal there are none, by exec and in a script, whatever TERM says', {
  skip,
}, async () => {
  for (const request of [{ command: ['ls'] }, { input: 'ls\n' }])
    assert.equal(await shown('xterm-256color', { ...request, terminal: false }), 'folder\n')
})
