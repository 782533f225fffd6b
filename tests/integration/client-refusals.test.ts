import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { run, without } from '../support/run-client.ts'
import { MINIFTP, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { md5, noise, sameFile } from '../support/trees.ts'
import { until } from '../support/workers.ts'

const server = await startServer({ ada: ['--quota', '64MiB'] })
const proxy = await startCuttingProxy(server.port)
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)
const whole = noise(3_000_000, 3)
const other = noise(3_000_000, 4)

/** Moves until the connection is cut for good, once some of the bytes are at `left`: what was only on its way is lost with it. */
async function leavePart(words: readonly string[], left: string): Promise<void> {
  proxy.cutAfter([1_500_000], () =>
    until('a part of the file', () => (statSync(left, { throwIfNoEntry: false })?.size ?? 0) > 0),
  )
  const cut = await miniftp(server, [words[0]!, '--retry-for', '0ms', ...words.slice(1)], {
    port: proxy.port,
  })
  assert.equal(cut.status, 1, cut.stderr)
  assert.match(cut.stderr, /The connection was lost/)
}

test('client: a source that changed after a cut is told with both MD5s, and nothing is changed', async () => {
  writeFileSync(here('changed.bin'), whole)
  await leavePart(['put', 'changed.bin', 'ftp:'], there('changed.bin'))
  const kept = statSync(there('changed.bin')).size
  assert.ok(kept > 0 && kept < whole.length, `${kept} bytes were left`)
  writeFileSync(here('changed.bin'), other)
  const before = md5(there('changed.bin'))

  const refused = await miniftp(server, ['put', 'changed.bin', 'ftp:'])

  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /Same name, different content: the MD5 of the first \d+ bytes of "changed.bin" is [0-9a-f]{32} here and [0-9a-f]{32} at the server; nothing was changed. Add --restart/,
  )
  assert.ok(refused.stderr.includes(before))
  assert.equal(md5(there('changed.bin')), before)
  const again = await miniftp(server, ['put', '--restart', 'changed.bin', 'ftp:'])
  assert.equal(again.status, 0, again.stderr)
  sameFile(there('changed.bin'), here('changed.bin'))
})

test('client: a file that changed at the server after a cut is told with both MD5s, and the part stays', async () => {
  mkdirSync(here('into'))
  writeFileSync(there('remote.bin'), whole)
  await leavePart(['get', 'ftp:remote.bin', 'into'], here('into/remote.bin.part'))
  const before = md5(here('into/remote.bin.part'))
  writeFileSync(there('remote.bin'), other)

  const refused = await miniftp(server, ['get', 'ftp:remote.bin', 'into'])

  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /Same name, different content: the MD5 of the first \d+ bytes of "into\/remote.bin.part" is [0-9a-f]{32} at the server and [0-9a-f]{32} here; nothing was changed/,
  )
  assert.ok(refused.stderr.includes(before))
  assert.equal(md5(here('into/remote.bin.part')), before)
  assert.ok(!existsSync(here('into/remote.bin')))
  const again = await miniftp(server, ['get', '--restart', 'ftp:remote.bin', 'into'])
  assert.equal(again.status, 0, again.stderr)
  sameFile(here('into/remote.bin'), there('remote.bin'))
})

test('client: a file that became smaller at the server than the part here is another file', async () => {
  mkdirSync(here('smaller'))
  writeFileSync(there('smaller.bin'), whole.subarray(0, 1000))
  writeFileSync(here('smaller/smaller.bin.part'), whole.subarray(0, 2000))

  const refused = await miniftp(server, ['get', 'ftp:smaller.bin', 'smaller'])

  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /"smaller\/smaller.bin.part" has 2000 bytes here and only 1000 at the server: it is another file and nothing was changed/,
  )
  assert.equal(statSync(here('smaller/smaller.bin.part')).size, 2000)
})

test('client: a longer file at the server is not cut, unless it is to be replaced', async () => {
  writeFileSync(here('short.bin'), whole.subarray(0, 1000))
  writeFileSync(there('short.bin'), whole.subarray(0, 2000))

  const refused = await miniftp(server, ['put', 'short.bin', 'ftp:'])
  const forced = await miniftp(server, ['put', '-f', 'short.bin', 'ftp:'])

  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /"short.bin" has 2000 bytes at the server and only 1000 here: it is another file/,
  )
  assert.equal(forced.status, 0, forced.stderr)
  sameFile(there('short.bin'), here('short.bin'))
})

test('client: a folder in the place of the file is told, both ways', async () => {
  writeFileSync(here('f'), 'file')
  mkdirSync(there('d/f'), { recursive: true })
  writeFileSync(there('g'), 'file')
  mkdirSync(here('d/g'), { recursive: true })

  const put = await miniftp(server, ['put', 'f', 'ftp:d'])
  const get = await miniftp(server, ['get', 'ftp:g', 'd'])
  const tree = await miniftp(server, ['get', 'ftp:d', '.'])

  assert.deepEqual([put.status, get.status, tree.status], [1, 1, 1])
  assert.match(put.stderr, /"\/d\/f" is a folder: name a file/)
  assert.match(get.stderr, /"d\/g" is a folder here: name a file, or remove it/)
  assert.match(tree.stderr, /"\/d" is a folder: fetch it with -r/)
})

/** Some systems let only root have a mount namespace. */
function mayNotMount(): string | false {
  return spawnSync('unshare', ['-rm', 'true']).status === 0 ? false : 'unshare -rm is not permitted here'
}

test('client: no room here ends with a sentence, and the part is kept for the next time', {
  skip: without('unshare') || mayNotMount(),
}, async () => {
  writeFileSync(there('room.bin'), whole)
  mkdirSync(here('tiny'))
  const words = `get -F ${server.sshConfig} ftp:room.bin tiny`
  const client = `${process.execPath} --no-warnings ${MINIFTP}`
  const script = [
    'mount -t tmpfs -o size=1m none tiny',
    `${client} ${words}; echo "first $?"`,
    'stat -c "%s %n" tiny/*',
    'mount -o remount,size=16m tiny',
    `${client} ${words}; echo "second $?"`,
    'md5sum tiny/room.bin',
  ].join('\n')

  const done = await run('unshare', ['-rm', 'sh', '-c', script], { cwd: server.folder })

  assert.match(
    done.stderr,
    /No room left here for "tiny\/room.bin": [\d.]+ \w+ more is needed. What came is kept in "tiny\/room.bin.part"; make room and say the same again/,
  )
  assert.match(done.stdout, /first 1\n\d+ tiny\/room.bin.part\n/, done.stderr)
  assert.match(done.stdout, /went on at .*\nsecond 0\n/)
  assert.ok(done.stdout.includes(`${md5(there('room.bin'))}  tiny/room.bin`))
})

test('client: one byte is no bytes', async () => {
  writeFileSync(there('one'), '1')
  writeFileSync(here('one'), 'on')

  const get = await miniftp(server, ['get', 'ftp:one', '.'])
  const put = await miniftp(server, ['put', 'one', 'ftp:'])

  assert.match(get.stderr, /"one" is here already: 2 bytes here, 1 at the server/)
  assert.match(put.stderr, /the MD5 of the first 1 byte of "one" is/)
})

test('client: a quota that is used up is one sentence, and what came is kept', async () => {
  writeFileSync(here('large.bin'), noise(70 * 1024 * 1024, 9))

  const full = await miniftp(server, ['put', 'large.bin', 'ftp:'])

  assert.equal(full.status, 1)
  assert.match(
    full.stderr,
    /large.bin: Quota used up: [\d.]+ MiB of 64 MiB, [\d.]+ (B|KiB|MiB) free; [\d.]+ MiB still to come$/m,
  )
  assert.equal(full.stderr.trim().split('\n').length, 1, full.stderr)
  const again = await miniftp(server, ['put', 'large.bin', 'ftp:'])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /free; "\/large.bin" was refused just now: make room first$/m)
  const removed = await miniftp(server, ['rm', 'ftp:large.bin'])
  assert.equal(removed.status, 0, removed.stderr)
})

test('client: ^C stops, keeps what was moved and says how to go on, also where it is handed on once more', async () => {
  writeFileSync(here('stop.bin'), noise(8_000_000, 5))
  const slow = await startCuttingProxy(server.port)
  await using _ = slow
  const args = [
    '--no-warnings',
    MINIFTP,
    'put',
    '--json',
    '-F',
    server.sshConfig,
    '-P',
    String(slow.port),
    '-o',
    'StrictHostKeyChecking=accept-new',
    '-o',
    'UserKnownHostsFile=/dev/null',
    'stop.bin',
    'ftp:',
  ]
  const child = spawn(process.execPath, args, { cwd: server.folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let stopped = false
  let complained = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    // The first bytes are on their way: it is stopped in the middle, or, where the machine is quick, at the end.
    if (stopped || !/"event":"progress"/.test(said)) return
    stopped = true
    child.kill('SIGINT')
    for (const ms of [2, 5, 10, 15, 20, 30, 40]) setTimeout(() => child.kill('SIGINT'), ms)
  })
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]

  const again = await miniftp(server, ['put', 'stop.bin', 'ftp:'])

  // The last of them may come when the process no longer listens: to a shell that is 130, too.
  assert.ok(status === 130 || signal === 'SIGINT', `${status} ${signal}: ${complained}`)
  assert.match(complained, /Stopped. What was moved is kept: say the same again to go on from there/)
  assert.equal(again.status, 0, again.stderr)
  sameFile(there('stop.bin'), here('stop.bin'))
})

test('client: a port that cannot be is refused, and so are words that mean nothing', async () => {
  for (const port of ['0', '65536', '99999', '-1', 'ssh']) {
    const done = await run(process.execPath, [MINIFTP, `ada@127.0.0.1:${port}`])
    assert.equal(done.status, 2)
    assert.match(done.stderr, /is not a port: use a number from 1 to 65535/)
  }
  const near = await run(process.execPath, [MINIFTP, 'putt', 'a', 'b:'])
  assert.equal(near.status, 2)
  assert.match(near.stderr, /"putt" is no command, did you mean "put"/)
  const alone = await run(process.execPath, [MINIFTP, 'ls', '-P', '1', '127.0.0.1:'])
  assert.equal(alone.status, 1)
  assert.match(alone.stderr, /Nothing listens at port 1 of "127\.0\.0\.1": check host and port/)
})

test('client: a whole file with other content is replaced by -f alone, at both sides', async () => {
  for (const name of ['same-size', 'shorter']) {
    writeFileSync(here(name), whole)
    writeFileSync(there(name), other.subarray(0, name === 'shorter' ? 1000 : undefined))
    const before = md5(there(name))
    for (const words of [[], ['--restart']]) {
      const refused = await miniftp(server, ['put', ...words, name, 'ftp:'])

      assert.equal(refused.status, 1)
      assert.match(refused.stderr, /Same name, different content: .*Add -f to replace it, or another name/)
      assert.equal(md5(there(name)), before)
    }
    const replaced = await miniftp(server, ['put', '-f', name, 'ftp:'])
    assert.equal(replaced.status, 0, replaced.stderr)
    sameFile(there(name), here(name))
  }

  writeFileSync(here('fetched'), other)
  writeFileSync(there('fetched'), whole)
  const kept = await miniftp(server, ['get', '--restart', 'ftp:fetched'])
  assert.equal(kept.status, 1)
  assert.match(kept.stderr, /"fetched" is here already: .*Add -f to replace it/)
  assert.ok(readFileSync(here('fetched')).equals(other))
})

test('client: ls -l and --json tell which upload was not finished', async () => {
  writeFileSync(here('half.bin'), whole)
  writeFileSync(there('whole.bin'), whole)
  await leavePart(['put', 'half.bin', 'ftp:'], there('half.bin'))

  const folder = await miniftp(server, ['ls', '-l', 'ftp:'])
  const file = await miniftp(server, ['ls', '-l', 'ftp:half.bin'])
  const json = await miniftp(server, ['ls', '--json', 'ftp:half.bin', 'ftp:whole.bin'])
  const all = await miniftp(server, ['ftp'], { input: 'stat half.bin\nstat whole.bin\n' })

  assert.match(folder.stdout, / half\.bin \(partial\)$/m)
  assert.match(folder.stdout, / whole\.bin$/m)
  assert.match(file.stdout, / half\.bin \(partial\)$/m)
  const told = JSON.parse(json.stdout) as { partial: boolean }[]
  assert.deepEqual(
    told.map(({ partial }) => partial),
    [true, false],
  )
  assert.equal(all.stdout.match(/partial: its upload was not finished/g)?.length, 1)
})
