import assert from 'node:assert/strict'
import { lutimesSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, sameScreen, type Terminal } from '../support/tmux.ts'

const skip = without('tmux', 'ssh', 'scp')
const PROMPT = /(^|\n)ada:\S*>$/
let server: TestServer

before(async () => {
  if (skip) return
  // The server's own TERM must not matter to anybody's.
  server = await startServer({ ada: ['--quota', '1GiB'], env: { TZ: 'UTC', TERM: 'dumb' } })
  const home = server.home('ada')
  for (const folder of ['photos', 'my reports', '照片']) mkdirSync(join(home, folder), { recursive: true })
  const files: Readonly<Record<string, string>> = {
    'notes.txt': 'one\ntwo\n',
    '报告 2024.txt': '第一页\n',
    '照片/春天.jpg': 'x'.repeat(2_000_000),
    'photos/IMG_001.jpg': 'x'.repeat(10_000),
    'photos/IMG_002.jpg': 'x'.repeat(20_000),
    'my reports/spring plan.txt': 'plan\n',
    'title\x1b]0;x\x07.txt': 'not a title\n',
    'two\nlines': 'two lines\n',
    '.hidden': '',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text)
  stamp(home)
})
after(() => server?.[Symbol.asyncDispose]())

/** Times that a committed screen can hold. */
function stamp(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    lutimesSync(join(entry.parentPath, entry.name), 1.75e9, 1.75e9)
}

const ssh = (...words: readonly string[]) => ['ssh', '-tt', '-F', server.sshConfig, 'ftp', ...words]

async function atPrompt(
  work: (terminal: Terminal, enter: (line: string) => Promise<string>) => Promise<void>,
  size: { readonly columns?: number; readonly rows?: number } = {},
): Promise<void> {
  await using terminal = await openTerminal(ssh(), size)
  await terminal.sees(PROMPT)
  await work(terminal, async (line) => {
    await terminal.type(line)
    // Its echo first: the prompt of before is not the one that is waited for.
    await terminal.sees(new RegExp(`${wrappable(line)}$`))
    await terminal.press('Enter')
    return terminal.sees(PROMPT)
  })
}

/** A pattern for `text` wherever the terminal wraps it. */
function wrappable(text: string): string {
  return [...text].map(literal).join('\\n?')
}

async function leaveBy(terminal: Terminal, word: string): Promise<void> {
  await terminal.type(word)
  await terminal.press('Enter')
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
}

/** What a person sees who types `lines` one after another, compared with the committed screen. */
function conversation(name: string, lines: readonly string[], columns = 80, rows = 40): void {
  test(`shell: ${name} at ${columns} columns`, { skip }, () =>
    atPrompt(
      async (_, enter) => {
        let shown = ''
        for (const line of lines) shown = await enter(line)
        sameScreen(`shell-${name}-${columns}`, shown)
      },
      { columns, rows },
    ),
  )
}

for (const columns of [80, 40]) {
  conversation('help', ['help'], columns)
  conversation('help-of-one', ['help ls', 'help nothing'], columns)
  conversation('names', ['ls', 'ls -l', 'ls -lh photos', 'cd 照片', 'ls -l', 'pwd'], columns)
  conversation('unknown', ['lz', 'frobnicate', "cat 'never closed", 'ls --nothing'], columns)
}

const FOLDERS = [
  'mkdir a',
  'mkdir a',
  'mkdir b/c/d',
  'mkdir -p b/c/d',
  'cd b/c',
  'pwd',
  'cd ..',
  'cd nowhere',
  'cd ../notes.txt',
  'cd',
  'rm b',
  'rm -r b a',
  'rm b',
  'rm -f b',
  'ls',
]

const FILES = [
  'cp notes.txt copy.txt',
  'cp notes.txt copy.txt',
  'cat copy.txt',
  'mv copy.txt photos',
  'ls photos/*.txt',
  'mv photos/copy.txt notes.txt',
  'rm photos/copy.txt',
  'cat nothing',
  'cat photos',
  'md5 notes.txt',
  'md5 notes.txt 4',
  'md5 notes.txt 400',
  'sha256 notes.txt',
  'restore notes.txt',
  'get nothing',
  'get',
]

const ALL_ABOUT = ['stat notes.txt', 'stat nothing', 'stat 照片/*', 'ls -a *2024*', 'ls */*.jpg']

for (const columns of [80, 40]) {
  conversation('folders', FOLDERS, columns, 60)
  conversation('files', FILES, columns, 60)
  conversation('all-about', ALL_ABOUT, columns, 60)
}

for (const columns of [80, 40])
  conversation(
    'what-is-off',
    [
      'ls nothing',
      'cd a b',
      'mkdir',
      'rm',
      'rm nothing',
      'mv a',
      'mv nothing x',
      'mv notes.txt no/where',
      'cp a',
      'cp nothing x',
      'cp photos x',
      'cp notes.txt photos nowhere',
      'cat',
      'stat',
      'restore',
      'md5',
      'sha256 notes.txt x',
      'put a b c',
      'quota --nothing',
      'pwd | ls',
    ],
    columns,
    60,
  )

for (const columns of [80, 40])
  test(
    `shell: Tab completes commands and names, in quotes, with blanks, CJK and control characters, at ${columns}`,
    {
      skip,
    },
    () =>
      atPrompt(
        async (terminal, enter) => {
          const complete = async (typed: string, wanted: string): Promise<void> => {
            await terminal.type(typed)
            await terminal.press('Tab')
            await terminal.sees(new RegExp(`> ${wrappable(wanted)}$`))
            await terminal.press('C-c')
            await terminal.sees(PROMPT)
          }
          await complete('sha', 'sha256')
          await complete('help qui', 'help quit')
          await complete('ls ph', 'ls photos/')
          await complete('ls photos/I', 'ls photos/IMG_00')
          await complete('cat my', 'cat my\\ reports/')
          await complete("cat 'my reports/s", "cat 'my reports/spring plan.txt'")
          await complete('cat "my reports/s', 'cat "my reports/spring plan.txt"')
          await complete('cat 报', 'cat 报告\\ 2024.txt')
          await complete('cat tw', "cat $'two\\nlines'")
          await complete('cat ti', "cat $'title\\e]0;x\\a.txt'")
          await complete('cd n', 'cd n')
          assert.match(await enter("cat $'two\\nlines'"), /\ntwo lines\n/)
          assert.match(await enter('cat ti*'), /\nnot a title\n/)
        },
        { columns },
      ),
  )

test('shell: Tab twice shows what there is', { skip }, () =>
  atPrompt(async (terminal) => {
    await terminal.type('ls photos/IMG')
    await terminal.press('Tab')
    await terminal.sees(/IMG_00$/)
    await terminal.press('Tab')
    await terminal.press('Tab')
    await terminal.sees(/IMG_001\.jpg +IMG_002\.jpg/)
  }),
)

for (const columns of [80, 40])
  test(`shell: Up gives the lines of before, those of an earlier session too, at ${columns}`, {
    skip,
  }, async () => {
    const long = "stat photos/IMG_001.jpg 'and a second name'"
    await atPrompt(
      async (_, enter) => {
        await enter('stat photos')
        await enter(long)
      },
      { columns },
    )
    await atPrompt(
      async (terminal, enter) => {
        await terminal.press('Up')
        await terminal.sees(new RegExp(`> ${wrappable(long)}$`))
        await terminal.press('Up')
        await terminal.sees(/> stat photos$/)
        await terminal.press('C-a')
        await terminal.type('ls -d ')
        await terminal.sees(/> ls -d stat photos$/)
        await terminal.press('C-c')
        await terminal.sees(/\^C\n[^\n]*>$/)
        assert.match(await enter('pwd'), /pwd\n\/\nada:\/>$/)
      },
      { columns },
    )
  })

for (const columns of [80, 40])
  test(`shell: ^C empties the line, and ends a command and not the shell, at ${columns}`, { skip }, () =>
    atPrompt(
      async (terminal, enter) => {
        await terminal.type('rm -r nothing of this, which is longer than a line of forty')
        await terminal.press('C-c')
        await terminal.sees(/f\n?orty\^C\nada:\/>$/)

        const huge = join(server.home('ada'), 'huge')
        writeFileSync(huge, '')
        truncateSync(huge, 64 * 2 ** 30)
        await terminal.type('md5 huge')
        await terminal.press('Enter')
        await terminal.press('C-c')
        await terminal.sees(/md5 huge\n\^C\nada:\/>$/)
        // The server counts what it took: it did not take this.
        truncateSync(huge, 0)
        assert.match(await enter('rm huge'), PROMPT)
        assert.match(await enter('pwd'), /pwd\n\/\n/)
      },
      { columns },
    ),
  )

test('shell: one that is idle at its prompt is ended with a sentence, one whose command waits is not', {
  skip,
}, async () => {
  await using hasty = await startServer({ args: ['--idle-shell', '2s'] })
  await using terminal = await openTerminal(['ssh', '-tt', '-F', hasty.sshConfig, 'ftp'])
  // Before the prompt is there, so that it never is for long. What is told comes later than the shell would end.
  await terminal.type('put x\n')
  await terminal.sees(/Return gives the prompt back\.$/)
  await terminal.press('Enter')
  await terminal.sees(/\nNothing was typed for 2s: the shell ends here, log in again to go on$/m)
  assert.equal(await terminal.ended(), 0)
})

for (const columns of [80, 40])
  test(`shell: ^Z stops nothing, the server least of all, at ${columns}`, { skip }, () =>
    atPrompt(
      async (terminal, enter) => {
        await terminal.press('C-z')
        assert.match(await enter('pwd'), /pwd\n\/\nada:\/>$/)
      },
      { columns },
    ),
  )

for (const [name, leave] of [
  ['^D', (terminal: Terminal) => terminal.press('C-d')],
  ['bye', (terminal: Terminal) => leaveBy(terminal, 'bye')],
  ['exit', (terminal: Terminal) => leaveBy(terminal, 'exit')],
] as const) {
  for (const columns of [80, 40])
    test(`shell: ${name} leaves, with status 0, at ${columns}`, { skip }, () =>
      atPrompt(
        async (terminal) => {
          await leave(terminal)
          assert.equal(await terminal.ended(), 0)
        },
        { columns },
      ),
    )
}

test('shell: a line is drawn anew when the window changes, and listings fit the new one', { skip }, () =>
  atPrompt(async (terminal, enter) => {
    await terminal.type('cat a name that is longer than forty columns are wide')
    await terminal.resize(40, 24)
    await terminal.press('C-e')
    await terminal.press('C-u')
    await terminal.sees(PROMPT)
    const narrow = await enter('ls')
    assert.ok(Math.max(...narrow.split('\n').map((line) => line.length)) <= 40)
  }),
)

/** Words that no row of a screen cuts in two at the same place. */
const LONG = Array.from({ length: 30 }, (_, at) => `word${at}`).join(' ')

test(
  'shell: a pasted line that wraps is drawn once, wherever it is edited, pasted into or resized',
  { skip },
  () =>
    atPrompt(async (terminal) => {
      const first = (await terminal.still()).split('\n').length
      // A screen tells no spaces at the ends of its rows.
      const solid = (text: string): string => text.replaceAll(/\s/g, '')
      const shows = async (line: string): Promise<void> => {
        const screen = await terminal.until((shown) => solid(shown).endsWith(solid(`> ${line}`)))
        const rows = screen.split('\n').slice(first - 1)
        assert.equal(solid(rows.join('')), solid(`ada:/> ${line}`))
      }
      await terminal.type(LONG)
      await shows(LONG)
      await terminal.press('C-a')
      await terminal.type('first ')
      await shows(`first ${LONG}`)
      await terminal.type(
        'a paste that itself is long enough to wrap where there is something behind it, is it ',
      )
      const line = `first a paste that itself is long enough to wrap where there is something behind it, is it ${LONG}`
      await shows(line)
      await terminal.press('C-e')
      await terminal.type('!')
      await shows(`${line}!`)
      await terminal.resize(100, 24)
      await terminal.type('?')
      await shows(`${line}!?`)
      await terminal.press('C-c')
      const left = await terminal.sees(/!\?\^\n?C\nada:\/>$/)
      assert.equal(
        left.split('\n').findIndex((row) => row.startsWith('ada:/> first')),
        first - 1,
      )
    }),
)

test('shell: a paste of many lines runs them all, and one that is too long runs none of it', { skip }, () =>
  atPrompt(async (terminal) => {
    await terminal.type(`${'mkdir -p pasted\n'.repeat(30)}rm -r pasted\npwd\n`)
    await terminal.sees(/> pwd\n\/\nada:\/>$/)
    await terminal.type(`${'x'.repeat(9_000)}\n`)
    await terminal.sees(/That line is longer than 8192 characters: it was not run\nada:\/>$/)
  }),
)

test('shell: what cannot come here is told how to paste elsewhere, and is followed to its end', {
  skip,
}, async () => {
  await atPrompt(
    async (terminal) => {
      await terminal.type('get 照片/春天.jpg\n')
      const told = await terminal.sees(/Return gives the prompt back\.$/)
      sameScreen('shell-get-elsewhere-80', told.replaceAll(String(server.port), 'PPPPP'))
      const pasted = /scp -P \d+ '?ada@127.0.0.1:([^'\s]*)'? \.\n/.exec(told)!
      await succeed('scp', ['-q', '-F', server.sshConfig, `ftp:${pasted[1]}`, 'fetched'], {
        cwd: server.folder,
      })
      await terminal.sees(/\nSent "\/照片\/春天\.jpg"\nada:\/>$/)

      writeFileSync(join(server.folder, 'new.txt'), 'new')
      await terminal.type('put new.txt\n')
      await terminal.sees(/put -P [\s\S]*Return gives the prompt back\.$/)
      await succeed('scp', ['-q', '-F', server.sshConfig, 'new.txt', 'ftp:/'], { cwd: server.folder })
      await terminal.sees(/\nStored "\/new\.txt", 3 B\nada:\/>$/)
      assert.equal(statSync(join(server.home('ada'), 'new.txt')).size, 3)

      // The old protocol of scp is a transfer like any other.
      await terminal.type('get new.txt\n')
      await terminal.sees(/get -P [\s\S]*Return gives the prompt back\.$/)
      await succeed('scp', ['-q', '-O', '-F', server.sshConfig, 'ftp:/new.txt', 'old.txt'], {
        cwd: server.folder,
      })
      await terminal.sees(/\nSent "\/new\.txt"\nada:\/>$/)
      await terminal.type('put older.txt\n')
      await terminal.sees(/older\.txt ada[\s\S]*Return gives the prompt back\.$/)
      await succeed('scp', ['-q', '-O', '-F', server.sshConfig, 'new.txt', 'ftp:/older.txt'], {
        cwd: server.folder,
      })
      await terminal.sees(/\nStored "\/older\.txt", 3 B\nada:\/>$/)

      await terminal.type('put\n')
      await terminal.sees(/miniftp put -P [\s\S]*Return gives the prompt back\.$/)
      await terminal.press('C-c')
      await terminal.sees(PROMPT)
    },
    { columns: 80, rows: 40 },
  )
})

test('shell: a name in a sentence does not reach the terminal raw', { skip }, () =>
  atPrompt(async (_, enter) => {
    assert.match(await enter("cat $'no\\e]0;x\\a'"), /No such file or folder: "\/no\\u\{1b\}\]0;x\\u\{7\}"/)
  }),
)

test('ssh -t: a command alone is laid out for the terminal, and ^C ends it with 130', { skip }, async () => {
  await using listing = await openTerminal(ssh('pwd; ls photos'))
  assert.equal(await listing.ended(), 0)
  assert.match(await listing.screen(), /^IMG_001\.jpg {2}IMG_002\.jpg$/m)

  const huge = join(server.home('ada'), 'hashed')
  writeFileSync(huge, '')
  truncateSync(huge, 64 * 2 ** 30)
  await using hashing = await openTerminal(ssh('pwd; md5 hashed'))
  await hashing.sees(/^\/$/m)
  await hashing.press('C-c')
  assert.equal(await hashing.ended(), 130)
})
