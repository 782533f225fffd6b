import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { adminWords } from '../support/admin-words.ts'
import { without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'

const skip = without('tmux', 'ssh', 'sftp')

for (const args of [[], ['--workers', '2']]) {
  const how = args.length === 0 ? 'one process' : 'several processes'
  let server: TestServer
  before(async () => {
    if (!skip) server = await startServer({ args: ['--guard-allow', '192.0.2.1', ...args] })
  })
  after(() => server?.[Symbol.asyncDispose]())

  const atPrompt = async (): Promise<Terminal> => {
    const terminal = await openTerminal(['ssh', '-tt', '-F', server.sshConfig, 'ftp'])
    await terminal.sees(/(^|\n)ada:\/>$/)
    return terminal
  }
  const admin = async (...words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await adminWords(server, words)
    assert.equal(status, 0, stderr)
    return stdout
  }
  const idOfAda = async (): Promise<string> =>
    JSON.parse(await admin('session', 'list', '--json')).find(
      ({ account }: { readonly account: string }) => account === 'ada',
    ).id

  test(`session end: who sits at a prompt is told, on a line of its own, by ${how}`, { skip }, async () => {
    await using terminal = await atPrompt()
    await terminal.type('ls half')
    await terminal.sees(/ls half$/)
    await admin('session', 'end', await idOfAda())
    await terminal.sees(/\nada:\/> ls half\nAn admin has ended your session(\n|$)/)
    assert.equal(await terminal.ended(), 255)
  })

  test(`session end: who sits at sftp is told, by ${how}`, { skip }, async () => {
    await using terminal = await openTerminal(['sftp', '-F', server.sshConfig, 'ftp'])
    await terminal.sees(/sftp>$/)
    await admin('session', 'end', await idOfAda())
    await terminal.sees(/An admin has ended your session(\n|$)/)
  })

  test(`user disable, role, ban, delete: who sits at a prompt is told which, by ${how}`, {
    skip,
  }, async () => {
    for (const [words, again, sentence] of [
      ['user disable ada', 'user enable ada', 'Your account was disabled'],
      [
        'user set ada --role admin',
        'user set ada --role user',
        'Your account has another role now: log in again',
      ],
      ['ban add 127.0.0.1', 'ban lift 127.0.0.1', 'An admin has banned your address'],
      ['user del ada --yes', undefined, 'Your account was deleted'],
    ] as const) {
      await using terminal = await atPrompt()
      await admin(...words.split(' '))
      await terminal.sees(new RegExp(`\nada:/>\n${sentence}(\n|$)`))
      if (again !== undefined) await admin(...again.split(' '))
    }
  })
}
