// `npm run bench client [MIB] [ROUNDS] [FILES]`: the bundled client beside OpenSSH's sftp and ssh2-sftp-client, over one
// sshd on loopback, everything in memory. Clients take turns within each round; ratios are taken round by round, of the
// time that passed and of the client's own (user and system, with its children).
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { startSshd } from '../tests/support/other-servers.ts'
import { type RunOptions, run as runPlain } from '../tests/support/run-client.ts'
import { MINIFTP } from '../tests/support/run-miniftp.ts'
import { noise } from '../tests/support/trees.ts'

/** Bash tells what a program and its children used. */
async function run(program: string, args: readonly string[], options: RunOptions) {
  const done = await runPlain(
    'bash',
    ['-c', 'TIMEFORMAT="%U %S"; time "$@"', program, program, ...args],
    options,
  )
  const [user, system] = done.stderr.trim().split('\n').at(-1)!.split(' ').map(Number)
  return { ...done, cpu: user! + system! }
}

const [mib = 256, rounds = 5, files = 5000] = process.argv.slice(2).map(Number)
const SMALL = 4096

if (process.env.TMPDIR === undefined) process.env.TMPDIR = '/dev/shm'
await using server = await startSshd({ shell: true })
const at = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.root, name)

const piece = noise(1024 * 1024)
writeFileSync(at('big'), piece)
for (let count = 1; count < mib; count++) writeFileSync(at('big'), piece, { flag: 'a' })
mkdirSync(at('tree'))
for (let count = 0; count < files; count++) writeFileSync(at(`tree/${count}`), noise(SMALL, count + 1))

const sftp = (line: string) =>
  run('sftp', ['-F', server.sshConfig, '-b', '-', 'ftp'], {
    cwd: server.folder,
    input: `${line}\n`,
    seconds: 600,
  })
const ours = (...words: string[]) =>
  run(
    process.execPath,
    ['--no-warnings', MINIFTP, words[0]!, '-q', '-F', server.sshConfig, ...words.slice(1)],
    { cwd: server.folder, seconds: 600 },
  )
/** In a process of its own, as the others are. */
const library = (call: string) => {
  const require = createRequire(import.meta.url)
  const script = `
    const Client = require(${JSON.stringify(require.resolve('ssh2-sftp-client'))})
    const sftp = new Client()
    sftp.connect({ host: '127.0.0.1', port: ${server.port}, username: require('os').userInfo().username,
      privateKey: require('fs').readFileSync(${JSON.stringify(at('key'))}) })
      .then(() => sftp.${call}).then(() => sftp.end())`
  return run(process.execPath, ['--no-warnings', '-e', script], { cwd: server.folder, seconds: 600 })
}

interface Row {
  readonly title: string
  readonly bytes: number
  readonly entries: number
  readonly result: string
  readonly ways: Readonly<Record<string, () => ReturnType<typeof run>>>
}

const rows: readonly Row[] = [
  {
    title: `put ${mib} MiB`,
    bytes: mib * 1024 * 1024,
    entries: 0,
    result: there('out'),
    ways: {
      sftp: () => sftp(`put big ${server.root}/out`),
      'miniftp --no-verify': () => ours('put', '--no-verify', 'big', `ftp:${server.root}/out`),
      miniftp: () => ours('put', 'big', `ftp:${server.root}/out`),
      fastPut: () => library(`fastPut('big', '${server.root}/out')`),
    },
  },
  {
    title: `get ${mib} MiB`,
    bytes: mib * 1024 * 1024,
    entries: 0,
    result: at('back'),
    ways: {
      sftp: () => sftp(`get ${at('big')} back`),
      'miniftp --no-verify': () => ours('get', '--no-verify', `ftp:${at('big')}`, 'back'),
      miniftp: () => ours('get', `ftp:${at('big')}`, 'back'),
      fastGet: () => library(`fastGet('${at('big')}', 'back')`),
    },
  },
  {
    title: `put ${files} files of 4 KiB`,
    bytes: SMALL,
    entries: files,
    result: there('tree'),
    ways: {
      sftp: () => sftp(`put -r tree ${server.root}/tree`),
      'miniftp --no-verify': () => ours('put', '-r', '--no-verify', 'tree', `ftp:${server.root}/tree`),
    },
  },
  {
    title: `get ${files} files of 4 KiB`,
    bytes: SMALL,
    entries: files,
    result: at('tree-back'),
    ways: {
      sftp: () => sftp(`get -r ${at('tree')} tree-back`),
      'miniftp --no-verify': () => ours('get', '-r', '--no-verify', `ftp:${at('tree')}`, 'tree-back'),
    },
  },
]

for (const { title, bytes, entries, result, ways } of rows) {
  const seconds: Record<string, number[]> = {}
  const cpu: Record<string, number[]> = {}
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(ways)
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      rmSync(result, { recursive: true, force: true })
      const begun = performance.now()
      const done = await ways[name]!()
      const took = (performance.now() - begun) / 1000
      const size = entries > 0 ? readdirSync(result).length : statSync(result).size
      if (done.status !== 0 || size !== (entries > 0 ? entries : bytes))
        throw new Error(`${name}: ${done.stderr}`)
      seconds[name] = [...(seconds[name] ?? []), took]
      cpu[name] = [...(cpu[name] ?? []), done.cpu]
    }
  }
  console.log(`\n${title}, ${rounds} rounds`)
  const figure = (all: Record<string, number[]>, name: string): string => {
    const ratios = all[name]!.map((one, round) => one / all.sftp![round]!)
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2))
    return `${median(all[name]!).toFixed(2).padStart(7)} s   x${median(ratios).toFixed(2)} [${low}-${high}]`
  }
  for (const name of Object.keys(seconds))
    console.log(`  ${name.padEnd(20)} wall ${figure(seconds, name)}   cpu ${figure(cpu, name)}`)
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
