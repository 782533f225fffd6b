import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { run, without } from '../support/run-client.ts'
import { MINIFTP } from '../support/run-miniftp.ts'
import { PROJECT, startServer } from '../support/start-server.ts'
import { openTerminal, sameScreen } from '../support/tmux.ts'
import { noise } from '../support/trees.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const client = [process.execPath, '--no-warnings', MINIFTP]
/** Has the Node that was installed with us take over from the one that a person has. */
const TOO_OLD = {
  PRETEND_OLD: '20.0.0',
  NODE_OPTIONS: `--import ${pathToFileURL(join(PROJECT, 'tests/support/young-memory.mjs')).href}`,
}
const env = { XDG_STATE_HOME: join(server.folder, 'state'), NO_COLOR: '1' }
mkdirSync(join(server.home('ada'), 'notes'), { recursive: true })
writeFileSync(join(server.home('ada'), 'notes-2026.txt'), 'n')
writeFileSync(join(server.folder, 'picture-上海.bin'), noise(400_000))

const skip = without('tmux')

for (const [columns, rows] of [
  [80, 24],
  [40, 20],
] as const)
  test(`client at a terminal: prompt, help, completion of both sides and a transfer, ${columns} columns`, {
    skip,
  }, async () => {
    rmSync(join(server.home('ada'), 'picture-上海.bin'), { force: true })
    await using terminal = await openTerminal([...client, '-F', server.sshConfig, 'ftp'], {
      columns,
      rows,
      env,
      cwd: server.folder,
    })
    await terminal.sees(/ada:\/> $|ada:\/>$/)
    await terminal.type('put -f pict')
    await terminal.press('Tab')
    await terminal.sees(/picture-上海\.bin/)
    await terminal.press('Enter')
    await terminal.sees(/MD5\s[0-9a-f\n]{32,}[\s\S]*ada:\/>/)
    await terminal.type('ls no')
    await terminal.press('Tab')
    await terminal.sees(/ls notes/)
    await terminal.press('Tab')
    await terminal.sees(/notes-2026\.txt/)
    await terminal.shows(`client-prompt-${columns}x${rows}`, (shown) =>
      shown.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'),
    )
    await terminal.press('C-c')
    await terminal.type('bye')
    await terminal.press('Enter')
    await terminal.ended()
  })

/** How far a bar came is the machine's; how its line is laid out is ours. */
function laidOut(screen: string): string {
  const line = screen.split('\n').find((text) => text.includes('waiting')) ?? ''
  return line
    .replace(/ +\d+%/, ' 00%')
    .replace(/\[=*>? *\]/, '[BAR]')
    .replace(/ +[\d.]+ (?:[KM]i)?B of/, ' N of')
    .replace(/\d(?=[/…])|(?<=\/)\d/g, 'N')
}

for (const columns of [80, 40])
  for (const what of ['file', 'tree'] as const)
    test(`client at a terminal: the bar of a ${what} stands while it waits for the connection, ${columns} columns`, {
      skip,
    }, async () => {
      await using proxy = await startCuttingProxy(server.port)
      const name = `film-上海-${columns}${what === 'tree' ? '-reels' : '.bin'}`
      const path = join(server.folder, name)
      if (what === 'tree') {
        mkdirSync(path)
        // The first comes through, the others are on their way when the connection is cut.
        for (const reel of [1, 2, 3])
          writeFileSync(join(path, `${reel}`), noise(reel === 1 ? 900 : 4_000_000))
      } else writeFileSync(path, noise(8_000_000, columns))
      proxy.cutAfter([4_000_000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
      const words = [
        'put',
        '-r',
        '-F',
        server.sshConfig,
        '-P',
        String(proxy.port),
        '-o',
        'UserKnownHostsFile=/dev/null',
      ]
      const all = [...client, ...words, '-o', 'StrictHostKeyChecking=accept-new', name, 'ftp:']
      await using terminal = await openTerminal(all, { columns, rows: 10, env, cwd: server.folder })

      const shown = await terminal.sees(/\d+% .*waiting for the connection/)

      sameScreen(`client-bar-${what === 'tree' ? 'tree-' : ''}${columns}`, laidOut(shown))
      proxy.cutAfter([])
      // What had come whole when the connection was cut is there already.
      await terminal.sees(what === 'tree' ? /[23] files, [\d.]+ MiB in / : /MD5/)
    })

for (const [how, old] of [
  ['a Node that is new enough', {}],
  ['one that is too old', TOO_OLD],
] as const)
  test(`client at a terminal: ^C in put -r says what was left and how to go on, started by ${how}`, {
    skip,
  }, async () => {
    await using proxy = await startCuttingProxy(server.port)
    const name = `left-${how.length}`
    mkdirSync(join(server.folder, name))
    // Two large ones at a time.
    for (const reel of [1, 2, 3, 4]) writeFileSync(join(server.folder, name, `${reel}`), noise(4_000_000))
    proxy.cutAfter([1_000_000, ...Array.from({ length: 200 }, () => 1)])
    const way = ['-F', server.sshConfig, '-P', String(proxy.port), '-o', 'UserKnownHostsFile=/dev/null']
    const all = [...client, 'put', '-r', ...way, '-o', 'StrictHostKeyChecking=accept-new', name, 'ftp:']
    await using terminal = await openTerminal(all, {
      env: { ...env, ...old },
      cwd: server.folder,
      patience: 15_000,
    })
    await terminal.sees(/\d+% .*waiting for the connection/)

    await terminal.press('C-c')

    await terminal.sees(/interrupted[\s\S]*miniftp: Stopped\. What was moved is kept: say the same again/)
    assert.equal(await terminal.ended(), 130)
  })

test('client at a terminal: ^C in a transfer says how to go on, and the same again does', {
  skip,
}, async () => {
  await using proxy = await startCuttingProxy(server.port)
  writeFileSync(join(server.folder, 'stopped.bin'), noise(8_000_000, 9))
  // It stands still after some bytes: nothing comes back before the words are said again.
  proxy.cutAfter([4_000_000, ...Array.from({ length: 200 }, () => 1)])
  const words = ['-F', server.sshConfig, '-P', String(proxy.port), '-o', 'UserKnownHostsFile=/dev/null']
  const all = [...client, ...words, '-o', 'StrictHostKeyChecking=accept-new', 'ftp']
  await using terminal = await openTerminal(all, { columns: 80, rows: 24, env, cwd: server.folder })
  await terminal.sees(/ada:\/> $|ada:\/>$/)
  await terminal.type('put stopped.bin')
  await terminal.press('Enter')
  await terminal.sees(/\d+% .*waiting for the connection/)

  proxy.cutAfter([])
  await terminal.press('C-c')
  await terminal.sees(/Stopped\. What was moved is kept: say the same again to go on from there\s+ada:\/>/)
  await terminal.press('Up', 'Enter')

  await terminal.sees(/"stopped\.bin" -> [\s\S]*ada:\/>/)
})

/** A shell with job control that has the client in front, started by each Node. */
for (const [how, old] of [
  ['a Node that is new enough', {}],
  ['one that is too old', TOO_OLD],
] as const)
  test(`client at a terminal: ^Z gives the shell back, and fg the prompt, started by ${how}`, {
    skip,
  }, async () => {
    await using terminal = await openTerminal(['env', 'PS1=shell: ', 'bash', '--norc', '-i'], {
      env: { ...env, ...old },
      patience: 15_000,
      cwd: server.folder,
    })
    await terminal.sees(/shell: ?$/)
    await terminal.type([...client, '-F', server.sshConfig, 'ftp'].join(' '))
    await terminal.press('Enter')
    await terminal.sees(/ada:\/> ?$/)

    await terminal.type('lp')
    await terminal.press('C-z')
    await terminal.sees(/Stopped[^\n]*\n(?:.*\n)*shell: ?$/)
    await terminal.type('fg')
    await terminal.press('Enter')
    await terminal.sees(/ada:\/> lp$/)
    await terminal.type('wd')
    await terminal.press('Enter')

    await terminal.sees(new RegExp(`^${server.folder}\nada:/> ?$`, 'm'))
    await terminal.type('bye')
    await terminal.press('Enter')
    await terminal.sees(/shell: ?$/)
  })

test('client at a terminal: ^Z where no shell could go on with it changes nothing', { skip }, async () => {
  await using terminal = await openTerminal([...client, '-F', server.sshConfig, 'ftp'], {
    env,
    cwd: server.folder,
  })
  await terminal.sees(/ada:\/> ?$/)

  await terminal.type('lp')
  await terminal.press('C-z')
  await terminal.type('wd')
  await terminal.press('Enter')

  await terminal.sees(new RegExp(`^${server.folder}\nada:/> ?$`, 'm'))
})

test('client at a terminal: lines that are pasted run one after another, each behind its prompt', {
  skip,
}, async () => {
  await using terminal = await openTerminal([...client, '-F', server.sshConfig, 'ftp'], {
    env,
    cwd: server.folder,
    patience: 15_000,
  })
  await terminal.sees(/ada:\/> ?$/)

  await terminal.press(
    ...'cd notes',
    'Enter',
    ...'pwd',
    'Enter',
    ...'cd ..',
    'Enter',
    ...'lpwd',
    'Enter',
    ...'by',
  )

  const runs = ['cd notes', 'ada:/notes> pwd', '/notes', 'ada:/notes> cd ..', 'ada:/> lpwd', server.folder]
  await terminal.sees(new RegExp(`ada:/> ${[...runs, 'ada:/> by'].join('\n')}$`))
  await terminal.type('e')
  await terminal.press('Enter')
  await terminal.ended()
})

test('client at a terminal: what is typed in a transfer stays out of its bar, and runs behind it', {
  skip,
}, async () => {
  await using proxy = await startCuttingProxy(server.port)
  writeFileSync(join(server.folder, 'ahead.bin'), noise(8_000_000, 9))
  proxy.cutAfter([4_000_000, ...Array.from({ length: 200 }, () => 1)])
  const words = ['-F', server.sshConfig, '-P', String(proxy.port), '-o', 'UserKnownHostsFile=/dev/null']
  const all = [...client, ...words, '-o', 'StrictHostKeyChecking=accept-new', 'ftp']
  await using terminal = await openTerminal(all, { env, cwd: server.folder, patience: 15_000 })
  await terminal.sees(/ada:\/> ?$/)
  await terminal.type('put ahead.bin')
  await terminal.press('Enter')
  await terminal.sees(/\d+% .*waiting for the connection$/)

  await terminal.type('lpwd')
  await terminal.press('Enter')
  proxy.cutAfter([])

  const shown = await terminal.sees(new RegExp(`ada:/> lpwd\n${server.folder}\nada:/> ?$`))
  assert.equal(shown.match(/lpwd/g)?.length, 1, shown)
})

/** The client in a terminal that does not know how wide it is: `script` makes one where it stands in none itself. */
function inNarrowest(words: string, term: string) {
  const command = `${client.join(' ')} ${words.replace(' ', ` -F ${server.sshConfig} `)}`
  return run('script', ['-qec', command, '/dev/null'], {
    cwd: server.folder,
    env: { ...process.env, ...env, TERM: term },
  })
}

test('client at a terminal that tells no width: writes as for 80 columns', {
  skip: without('script'),
}, async () => {
  const put = await inNarrowest('put -f picture-上海.bin ftp:wide', 'xterm')

  assert.equal(put.status, 0, put.stdout)
  assert.match(put.stdout, /"picture-上海\.bin" -> "\/wide", 391 KiB, MD5/)
  assert.match(put.stdout, /\[=*>? *\] 100%|\[>? +\] {3}0%/)
})

test('client at a terminal that only writes: draws nothing', { skip: without('script') }, async () => {
  const put = await inNarrowest('put -f picture-上海.bin ftp:dumb', 'dumb')

  assert.equal(put.status, 0, put.stdout)
  assert.match(put.stdout, /^"picture-上海\.bin" -> "\/dumb"/)
  assert.doesNotMatch(put.stdout, /\x1b/)
})
