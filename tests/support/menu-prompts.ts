import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { adminWords } from './admin-words.ts'
import type { TestServer } from './start-server.ts'

/** Keys by tmux' names, `=text` as it is typed; what is seen then; and how the screen is compared. */
export type Step = readonly [keys: readonly string[], sees: RegExp, mask?: (screen: string) => string]

const GIB = 1024 ** 3

/** Accounts of every state, a ban and some one-time codes, so that each question of the menu can be come to. */
export async function furnish(server: TestServer): Promise<void> {
  await mkdir(server.home('ada'), { recursive: true })
  writeFileSync(join(server.home('ada'), 'film.mkv'), '')
  truncateSync(join(server.home('ada'), 'film.mkv'), 7 * GIB)
  const evil = readFileSync(`${server.key}.pub`, 'utf8').trim().replace(/ada$/, 'evil\x1b]0;mine\x07\x1b[2J')
  for (const words of [
    ['quota', 'set', 'ada', '10GiB'],
    ['user', 'add', 'bob', '--quota', '5MiB', '--rights', 'read-only', '--key-line', evil],
    ['user', 'add', 'zhangsan', '--rights', 'drop-box', '--expires', '0.001s'],
    ['totp', 'add', 'zhangsan'],
    ['user', 'disable', 'bob'],
    ['ban', 'add', '192.0.2.7', '--for', '365d'],
  ]) {
    const { status, stderr } = await adminWords(server, words)
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  }
}

/** Every question of every item, by ways that begin at the item; none of them changes anything. */
export const WAYS: Readonly<Record<string, readonly (readonly Step[])[]>> = {
  'Register user': [
    [
      [[], /Name of the new account/],
      [['=Not a name', 'Enter'], /cannot be an account's name/],
      [['C-u', '=ada', 'Enter'], /There is an account "ada" already/],
      [['C-u', '=lin', 'Enter'], /What is it\?/],
      [['Enter'], /Password/],
      [['=short', 'Enter'], /too short/],
      [['C-u', '=long enough', 'Enter'], /once more/],
      [['=another one', 'Enter'], /That is another one/],
      [['C-u', '=long enough', 'Enter'], /Quota \(empty/],
      [['=10 parsecs'], /"10 parsecs" is not a size/],
      [['C-u', '=10 GiB'], /10,737,418,240 bytes/],
      [['Enter'], /What may it do\?/],
    ],
  ],
  'Delete user': [
    [
      [[], /Delete which account\?/],
      [['Enter'], /Type the name to delete it/],
      [['=adam', 'Enter'], /Type "ada", or nothing/],
    ],
  ],
  'View users': [
    [
      [[], /Accounts/],
      [['b', 'Enter'], /fingerprint|any key goes back/, masked],
      [['q'], /\? Accounts …/],
    ],
  ],
  'Modify quota': [
    [
      [[], /Whose quota\?/],
      [['Enter'], /"ada" uses 7 GiB of 10 GiB/],
      [['=1 GiB'], /less than it uses/],
      [['Enter'], /Set it all the same\?/],
    ],
    [
      [[], /Whose quota\?/],
      [['Enter'], /"ada" uses 7 GiB of 10 GiB/],
      [['Enter'], /Let "ada" use any number of bytes\?/],
    ],
  ],
  'Change password': [
    [
      [[], /Whose password\?/],
      [['Enter'], /New password of "ada"/],
      [['=long enough', 'Enter'], /once more/],
    ],
  ],
  Keys: [
    [
      [[], /Whose keys\?/],
      [['b', 'Enter'], /Keys of "bob"/, masked],
      [['Enter'], /Paste the line/],
      [['=ssh-ed25519 rubbish', 'Enter'], /public key is damaged/],
    ],
    [
      [[], /Whose keys\?/],
      [['b', 'Enter'], /Keys of "bob"/, masked],
      [['r', 'Enter'], /Remove this key\?/, masked],
    ],
  ],
  'One-time codes': [
    [
      [[], /Whose one-time codes\?/],
      [['Enter'], /Ask "ada" for a code/],
      [['y', 'Enter'], /Recovery codes.*Enter goes on/s, withoutCodes],
      [['Enter'], /The code that the app shows/, withoutCodes],
      [['=000000', 'Enter'], /That is not its code/, withoutCodes],
    ],
    [
      [[], /Whose one-time codes\?/],
      [['z', 'Enter'], /Let "zhangsan" log in without a code\?/],
    ],
  ],
  'Rights and expiry': [
    [
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
    ...(
      [
        [
          [['e', 'Enter'], /Expires: 2027/],
          [['=soon', 'Enter'], /is not a date/],
        ],
        [[['u', 'Enter'], /Upload a second/]],
        [[['d', 'Enter'], /Download a second/]],
        [[['o', 'Enter'], /How does it overwrite\?/]],
        [[['r', 'Enter'], /Make "bob" an admin and end its sessions\?/]],
      ] as readonly (readonly Step[])[]
    ).map((end): readonly Step[] => [[[], /Whose rights\?/], [['b', 'Enter'], /What of "bob"\?/], ...end]),
    [
      [[], /Whose rights\?/],
      [['g', 'Enter'], /What of "grace"\?/],
      [['h', 'Enter'], /Give "grace" a home\?/],
    ],
  ],
  'Disable or enable': [
    [
      [[], /Which account\?/],
      [['b', 'Enter'], /Let "bob" log in again\?/],
    ],
    [
      [[], /Which account\?/],
      [['Enter'], /Disable "ada" and end its sessions\?/],
    ],
  ],
  Sessions: [
    [
      [[], /\d+ logged in.*grace.*Esc goes back/s, loose],
      [['Enter'], /End session \d+ of "grace"/, loose],
    ],
  ],
  Bans: [
    [
      [[], /Banned addresses/, masked],
      [['Enter'], /Address to ban/],
      [['=nowhere', 'Enter'], /is not an address/],
      [['C-u', '=192.0.2.9', 'Enter'], /For how long/],
      [['C-u', '=ever', 'Enter'], /is not a time/],
    ],
    [
      [[], /Banned addresses/, masked],
      [['l', 'Enter'], /Let 192\.0\.2\.7 connect again\?/],
    ],
  ],
  Log: [
    [
      [
        ['=nosuch'],
        /Log with "nosuch": 1 lines.*login refused.*Esc goes back/s,
        (screen) => unnumbered(screen).replace(/Log with.*/, 'Log'),
      ],
    ],
  ],
  Server: [
    [
      [[], /version.*accounts/s, unnumbered],
      [['d'], /Stop the server\?/],
    ],
  ],
}

/** The beginning of a way, up to one of its questions. */
export interface Prompt {
  readonly item: string
  readonly steps: readonly Step[]
}

/** Each question once. */
export function prompts(): readonly Prompt[] {
  const all = new Map<string, Prompt>()
  for (const [item, ways] of Object.entries(WAYS)) {
    for (const way of ways) {
      for (let depth = 1; depth <= way.length; depth++) {
        const steps = way.slice(0, depth)
        const name = JSON.stringify([item, ...steps.map(([keys]) => keys)])
        if (!all.has(name)) all.set(name, { item, steps })
      }
    }
  }
  return [...all.values()]
}

/** All that is stored of accounts and bans. */
export async function stored(server: TestServer) {
  const ask = async (...words: readonly string[]): Promise<unknown> =>
    JSON.parse((await adminWords(server, [...words, '--json'])).stdout)
  const codes = ['ada', 'admin', 'bob', 'grace', 'zhangsan'].map((name) => ask('totp', 'show', name))
  return {
    accounts: await ask('user', 'list'),
    bans: await ask('ban', 'list'),
    codes: await Promise.all(codes),
    homes: readdirSync(join(server.var, 'home')),
  }
}

/** What differs from run to run and takes the same room. */
function masked(screen: string): string {
  return screen
    .replace(/SHA256:[\w+/]+/g, (key) => `SHA256:${'k'.repeat(key.length - 7)}`)
    .replace(/\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2} UTC)?/g, (date) => date.replace(/\d/g, 'N'))
}

function withoutCodes(screen: string): string {
  return screen
    .replace(/^ {2}\w{4}(-\w{4}){3}$/gm, '  rrrr-rrrr-rrrr-rrrr')
    .replace(/[A-Z2-7]{4}( [A-Z2-7]{4}){7}$/gm, Array(8).fill('KKKK').join(' '))
    .replace(/^.*[█▀▄].*$/gm, 'the QR code')
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
