import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { adminWords } from '../support/admin-words.ts'
import { run, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, sameScreen, type Terminal } from '../support/tmux.ts'

const missing = without('tmux', 'ssh', 'ssh-keygen')
const GIB = 1024 ** 3
let server: TestServer
before(async () => {
  if (missing) return
  server = await startServer()
  mkdirSync(server.home('ada'), { recursive: true })
  writeFileSync(join(server.home('ada'), 'film.mkv'), '')
  truncateSync(join(server.home('ada'), 'film.mkv'), 7 * GIB)
  const evil = readFileSync(`${server.key}.pub`, 'utf8').trim().replace(/ada$/, 'evil\x1b]0;mine\x07\x1b[2J')
  for (const words of [
    ['quota', 'set', 'ada', '10GiB'],
    ['user', 'add', 'bob', '--quota', '5MiB', '--rights', 'read-only', '--key-line', evil],
    ['user', 'add', 'zhangsan', '--rights', 'drop-box', '--expires', '2020-01-01'],
    ['user', 'disable', 'bob'],
    ['ban', 'add', '192.0.2.7', '--for', '365d'],
  ]) {
    const { status, stderr } = await adminWords(server, words)
    assert.equal(status, 0, stderr)
  }
  // One line in the log to look for.
  await run('ssh', ['-F', server.sshConfig, '-o', 'BatchMode=yes', '-l', 'nosuch', 'ftp', 'pwd'])
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = () => ['ssh', '-tt', '-F', server.sshConfig, '-l', 'grace', 'ftp']
const AT_MENU = /Esc goes to Exit/
interface Size {
  readonly columns: number
  readonly rows: number
}

async function atMenu(size: Size, work: (terminal: Terminal) => Promise<void>): Promise<void> {
  await using terminal = await openTerminal(ssh(), size)
  await terminal.sees(AT_MENU)
  await work(terminal)
  await terminal.press('e', 'Enter')
  assert.equal(await terminal.ended(), 0)
}

/** What differs from run to run and takes the same room. */
function masked(screen: string): string {
  return screen
    .replace(/SHA256:[\w+/]+/g, (key) => `SHA256:${'k'.repeat(key.length - 7)}`)
    .replace(/\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2} UTC)?/g, (date) => date.replace(/\d/g, 'N'))
}

/** Numbers with their units, too, which take more room or less. */
function unnumbered(screen: string): string {
  return screen
    .replace(/OpenSSH_\S+/g, 'OpenSSH')
    .replace(/\d+(\.\d+)* (s|min|h|d|B|KiB|MiB|GiB|TiB)\b/g, 'N')
    .replace(/\d+/g, 'N')
    .replace(/N( files and folders| file or folder)/g, 'N files and folders')
}

/** And the columns with them. */
function loose(screen: string): string {
  return unnumbered(screen).replace(/(\S) {2,}/g, '$1  ')
}

/** Goes to an item by its first letters; the list shows where. */
async function goTo(terminal: Terminal, item: string): Promise<void> {
  const letter = item[0]!.toLowerCase()
  const at = (screen: string): boolean => screen.includes(`▸ ${item}`)
  while (!at(await terminal.sees(/▸/))) {
    const before = await terminal.screen()
    await terminal.press(letter)
    await terminal.until((screen) => screen !== before)
  }
  await terminal.press('Enter')
}

const snapshot =
  (name: string, how: (screen: string) => string = (screen) => screen) =>
  (screen: string): void =>
    sameScreen(name, how(screen))

/** Every item as far as it goes without changing anything: keys, what is seen then, and how the screen is compared. */
type Step = readonly [keys: readonly string[], sees: RegExp, mask?: (screen: string) => string]
const ITEMS: Readonly<Record<string, readonly Step[]>> = {
  'Register user': [
    [[], /Name of the new account/],
    [['=Not a name', 'Enter'], /cannot be an account's name/],
    [['C-u', '=ada', 'Enter'], /There is an account "ada" already/],
    [['C-u', '=lin', 'Enter'], /What is it\?/],
    [['Enter'], /Password/],
    [['=short', 'Enter'], /too short/],
    [['C-u', '=long enough', 'Enter'], /once more/],
    [['=another one', 'Enter'], /That is another one/],
    [['C-u', '=long enough', 'Enter'], /Quota \(empty/],
    [['=10 parsecs'], /is not a size/],
    [['C-u', '=10 GiB'], /10,737,418,240 bytes/],
    [['Enter'], /What may it do\?/],
  ],
  'Delete user': [
    [[], /Delete which account\?/],
    [['Enter'], /Type the name to delete it/],
    [['=adam', 'Enter'], /Type "ada", or nothing/],
  ],
  'View users': [
    [[], /Accounts/],
    [['b', 'Enter'], /fingerprint|any key goes back/, masked],
    [['q'], /\? Accounts …/],
  ],
  'Modify quota': [
    [[], /Whose quota\?/],
    [['Enter'], /"ada" uses 7 GiB of 10 GiB/],
    [['=1 GiB'], /less than it uses/],
    [['Enter'], /Set it all the same\?/],
  ],
  'Change password': [
    [[], /Whose password\?/],
    [['Enter'], /New password of "ada"/],
  ],
  Keys: [
    [[], /Whose keys\?/],
    [['b', 'Enter'], /Keys of "bob"/, masked],
    [['Enter'], /Paste the line/],
    [['=ssh-ed25519 rubbish', 'Enter'], /public key is damaged/],
  ],
  'Rights and expiry': [
    [[], /Whose rights\?/],
    [['b', 'Enter'], /What of "bob"\?/],
    [['Enter'], /What may it do\?/],
    [['Escape'], /\? What of "bob"\? …/],
    [['n', 'Enter'], /Networks, as/],
    [['=10.0.0.0/40', 'Enter'], /is not a network/],
    [['Escape'], /\? What of "bob"\? …/],
    [['s', 'Enter'], /Sessions at once/],
    [['=0', 'Enter'], /At least 1 session/],
    [['Escape'], /\? What of "bob"\? …/],
  ],
  'Disable or enable': [
    [[], /Which account\?/],
    [['b', 'Enter'], /Let "bob" log in again\?/],
  ],
  Sessions: [[[], /1 logged in.*grace.*Esc goes back/s, loose]],
  Bans: [
    [[], /Banned addresses/, masked],
    [['Enter'], /Address to ban/],
    [['=nowhere', 'Enter'], /is not an address/],
    [['C-u', '=192.0.2.9', 'Enter'], /For how long/],
  ],
  Log: [
    [
      ['=nosuch'],
      /Log with "nosuch": 1 lines.*login refused.*Esc goes back/s,
      (screen) => unnumbered(screen).replace(/Log with.*/, 'Log'),
    ],
  ],
  Server: [
    [[], /version.*accounts/s, unnumbered],
    [['d'], /Stop the server\?/],
  ],
}

for (const size of [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 50, rows: 20 },
]) {
  const name = `${size.columns}x${size.rows}`
  test(`menu: every item at ${name}: wrong input is told, Esc goes back, nothing is changed`, {
    skip: missing,
  }, async () => {
    const before = await everything()
    await atMenu(size, async (terminal) => {
      sameScreen(`${name}/menu`, await terminal.sees(AT_MENU))
      for (const [item, steps] of Object.entries(ITEMS)) {
        await goTo(terminal, item)
        for (const [index, [keys, sees, mask]] of steps.entries()) {
          for (const key of keys) {
            if (key.startsWith('=')) await terminal.type(key.slice(1))
            else await terminal.press(key)
          }
          await terminal.sees(sees)
          snapshot(
            `${name}/${item.toLowerCase().replaceAll(' ', '-')}-${index + 1}`,
            mask,
          )(await terminal.still())
        }
        await backToMenu(terminal, 'Escape')
      }
    })

    assert.deepEqual(await everything(), before)
  })
}

for (const [name, cancel] of [
  ['Esc', 'Escape'],
  ['^C', 'C-c'],
] as const) {
  test(`menu: ${name} goes back from every prompt, ^Z does nothing, and nothing is changed`, {
    skip: missing,
  }, async () => {
    const before = await everything()
    await atMenu({ columns: 80, rows: 24 }, async (terminal) => {
      for (const [item, steps] of Object.entries(ITEMS)) {
        for (let depth = 1; depth <= steps.length; depth++) {
          // A step that looks at a wrong answer is no prompt of its own.
          await goTo(terminal, item)
          for (const [keys, sees] of steps.slice(0, depth)) {
            await pressAll(terminal, keys)
            await terminal.sees(sees)
          }
          await terminal.press('C-z', cancel)
          await backToMenu(terminal, cancel)
        }
      }
    })

    assert.deepEqual(await everything(), before)
  })
}

async function pressAll(terminal: Terminal, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    if (key.startsWith('=')) await terminal.type(key.slice(1))
    else await terminal.press(key)
  }
}

async function backToMenu(terminal: Terminal, cancel: string): Promise<void> {
  while (!AT_MENU.test(await terminal.still())) await terminal.press(cancel)
}

/** All that is stored of the accounts. */
async function everything(): Promise<unknown> {
  const { stdout } = await adminWords(server, ['user', 'list', '--json'])
  const bans = await adminWords(server, ['ban', 'list', '--json'])
  return {
    accounts: JSON.parse(stdout),
    bans: JSON.parse(bans.stdout),
    homes: readdirSync(join(server.var, 'home')),
  }
}
