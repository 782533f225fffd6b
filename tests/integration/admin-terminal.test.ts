import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { adminWords } from '../support/admin-words.ts'
import { without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'

const skip = without('tmux', 'ssh', 'ssh-keygen')
const AT_MENU = /Esc goes to Exit/
let server: TestServer
before(async () => {
  if (!skip) server = await startServer()
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = (at: TestServer, user = 'grace') => ['ssh', '-tt', '-F', at.sshConfig, '-l', user, 'ftp']
const names = async (at: TestServer): Promise<readonly string[]> =>
  JSON.parse((await adminWords(at, ['user', 'list', '--json'])).stdout).map(
    ({ name }: { name: string }) => name,
  )
const shown = async (name: string) =>
  JSON.parse((await adminWords(server, ['user', 'show', name, '--json'])).stdout)

/** Answers one question after the other. */
async function answer(
  terminal: Terminal,
  ...all: readonly (readonly [RegExp, ...string[]])[]
): Promise<void> {
  for (const [question, ...keys] of all) {
    await terminal.sees(question)
    for (const key of keys) {
      if (key.startsWith('=')) await terminal.type(key.slice(1))
      else await terminal.press(key)
    }
  }
}

test('menu: an account is registered, limited, given a cap, disabled and deleted', { skip }, async () => {
  await using terminal = await openTerminal(ssh(server))
  await answer(
    terminal,
    [AT_MENU, 'Enter'],
    [/Name of the new account/, '=lin', 'Enter'],
    [/What is it\?/, 'Enter'],
    [/Password/, '=long enough', 'Enter'],
    [/once more/, '=long enough', 'Enter'],
    [/Quota \(empty/, '=10 GiB', 'Enter'],
    [/What may it do\?/, 'd', 'Enter'],
    [/"lin" is registered as user/, 'm', 'Enter'],
  )
  const made = await shown('lin')
  assert.deepEqual([made.quota.bytes, made.rights.list, made.hasPassword], [10 * 1024 ** 3, false, true])
  mkdirSync(server.home('lin'), { recursive: true })
  writeFileSync(join(server.home('lin'), 'report.txt'), 'four')

  await answer(
    terminal,
    [/Whose quota\?/, 'l', 'Enter'],
    [/New quota/, '=5 GiB', 'Enter'],
    [/"lin" may use 5 GiB/, 'r', 'Enter'],
    [/Whose rights\?/, 'l', 'Enter'],
    [/What of "lin"\?/, 'u', 'Enter'],
    [/Upload a second/, '=1 MiB', 'Enter'],
    [/Upload cap of "lin": 1 MiB\/s/, 'Escape'],
    [AT_MENU, 'd', 'Enter'],
    [/Which account\?/, 'l', 'Enter'],
    [/Disable "lin"/, 'y', 'Enter'],
    [/"lin" is disabled/],
  )
  const after = await shown('lin')
  assert.deepEqual([after.quota.bytes, after.rate.up, after.disabled], [5 * 1024 ** 3, 1024 ** 2, true])

  await answer(
    terminal,
    [AT_MENU, 'd', 'Enter'],
    [/Delete which account\?/, 'l', 'Enter'],
    [/Type the name/, '=lin', 'Enter'],
  )
  await terminal.sees(/"lin" is deleted; its files are in removed\/lin-/)
  assert.ok(!(await names(server)).includes('lin'))
  const [kept] = readdirSync(join(server.var, 'removed'))
  assert.ok(existsSync(join(server.var, 'removed', kept!, 'report.txt')))
  await answer(terminal, [AT_MENU, 'e', 'Enter'])
  assert.equal(await terminal.ended(), 0)
})

test('menu: a resize in the middle of a question keeps what was typed', { skip }, async () => {
  await using terminal = await openTerminal(ssh(server))
  await answer(terminal, [AT_MENU, 'Enter'], [/Name of the new account/, '=li'], [/account ‣ li/])
  await terminal.resize(50, 20)
  await terminal.until((screen) =>
    screen.startsWith('MiniFTP, logged in as grace: Register user\n? Name of the new account ‣ li\n'),
  )
  await terminal.resize(120, 40)
  await terminal.type('n')
  await terminal.until((screen) =>
    screen.startsWith('MiniFTP, logged in as grace: Register user\n? Name of the new account ‣ lin\n'),
  )
  await answer(terminal, [/lin/, 'Escape'], [AT_MENU])
  await terminal.resize(40, 12)
  await terminal.sees(/▸ Register user/)
  await answer(terminal, [/Register user/, 'Escape'], [/▸ Exit/, 'Escape'])

  assert.equal(await terminal.ended(), 0)
})

test('menu: a connection that is cut in the middle of a question leaves nothing, and the server lives', {
  skip,
}, async () => {
  {
    await using terminal = await openTerminal(ssh(server))
    await answer(
      terminal,
      [AT_MENU, 'Enter'],
      [/Name of the new account/, '=cut', 'Enter'],
      [/What is it\?/, 'Enter'],
      [/Password/, '=long enough'],
    )
  }
  await using again = await openTerminal(ssh(server))
  await again.sees(AT_MENU)

  assert.ok(!(await names(server)).includes('cut'))
  await answer(again, [/Register user/, 'Escape'], [/▸ Exit/, 'Escape'])
  assert.equal(await again.ended(), 0)
})

test('menu: kill -9 before an app has shown its first code leaves nobody asked for one', {
  skip,
}, async () => {
  await using other = await startServer()
  await using terminal = await openTerminal(ssh(other))
  await answer(
    terminal,
    [AT_MENU, 'o', 'Enter'],
    [/Whose one-time codes/, 'Enter'],
    [/Ask "ada" for a code/, 'y', 'Enter'],
    [/Recovery codes.*Enter goes on/s, 'Enter'],
    [/The code that the app shows/, '=123'],
  )
  process.kill(other.pid, 'SIGKILL')
  await terminal.ended()

  const { status, stdout } = await other.console(['totp', 'show', 'ada', '--json'])
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(stdout), { name: 'ada', totp: false })
})

test('menu: SIGTERM with questions open ends them, and the server stops in time', { skip }, async () => {
  await using other = await startServer()
  await using list = await openTerminal(ssh(other))
  await using form = await openTerminal(ssh(other))
  await using live = await openTerminal(ssh(other))
  await answer(form, [AT_MENU, 'Enter'], [/Name of the new account/, '=half'])
  await answer(live, [AT_MENU, 'l', 'Enter'], [/type to filter/])
  await list.sees(AT_MENU)

  assert.equal(await other.stop(), 0)
  for (const terminal of [list, form, live]) {
    assert.match(await terminal.sees(/The server stops/), /nothing that was not finished is stored/)
    assert.equal(await terminal.lives(), false)
  }
})

test('menu: the password of the first start is offered to be changed, at once', { skip }, async () => {
  await using first = await startServer({ demo: true })
  await using terminal = await openTerminal([
    ...ssh(first, 'admin').slice(0, -1),
    '-o',
    'PubkeyAuthentication=no',
    'ftp',
  ])
  await answer(
    terminal,
    [/[Pp]assword:/, '=password', 'Enter'],
    [/which everybody knows.*Change it now\?/s, 'y', 'Enter'],
    [/New password of "admin"/, '=password', 'Enter'],
    [/one that everybody knows: use another/, 'C-u', '=not that one', 'Enter'],
    [/once more/, '=not that one', 'Enter'],
    [AT_MENU],
  )
  await terminal.sees(/The password of "admin" is changed/)

  const { stdout } = await adminWords(first, ['user', 'show', 'admin', '--json'])
  assert.equal(JSON.parse(stdout).demo, false)
})
