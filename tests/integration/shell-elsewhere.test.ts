import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Done, run, without } from '../support/run-client.ts'
import { MINIFTP } from '../support/run-miniftp.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'
import { noise, sameTree } from '../support/trees.ts'

const skip = without('tmux', 'ssh', 'scp', 'sh')
const FOLDER = "ada's 报告 2024"
const CONTENT = noise(1_500_000)
/** Of a transfer in a second: its progress is there to be seen. */
const RATE = '512KiB'
let server: TestServer
let programs: string

before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--rate-up', RATE, '--rate-down', RATE] })
  mkdirSync(join(server.home('ada'), FOLDER), { recursive: true })
  programs = join(server.folder, 'programs')
  mkdirSync(programs)
  // Only what a person's own machine knows: the key, and that this host is trusted. Who, where and what is in the line.
  const known = readFileSync(server.sshConfig, 'utf8').split('\n').slice(1)
  const config = ['Host *', ...known.filter((line) => !/^ *(HostName|Port|User) /.test(line))]
  writeFileSync(join(programs, 'config'), config.join('\n'))
  program('scp', `exec ${await which('scp')} -q -F '${join(programs, 'config')}' "$@"`)
  program(
    'miniftp',
    `verb=$1; shift; exec '${process.execPath}' --no-warnings '${MINIFTP}' "$verb" -F '${join(programs, 'config')}' "$@"`,
  )
})
after(() => server?.[Symbol.asyncDispose]())

async function which(name: string): Promise<string> {
  return (await run('sh', ['-c', `command -v ${name}`])).stdout.trim()
}

function program(name: string, line: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${line}\n`)
  chmodSync(join(programs, name), 0o755)
}

/** A folder of that person's own machine. */
function ownFolder(name: string): string {
  const folder = join(server.folder, name)
  mkdirSync(folder)
  return folder
}

/** What is pasted, as it stands. */
const paste = (line: string, cwd: string): Promise<Done> =>
  run('sh', ['-c', line], { cwd, env: { ...process.env, PATH: `${programs}:${process.env.PATH}` } })

/** Types a line at the prompt; what is told to be pasted for a program. */
async function told(terminal: Terminal, line: string, program: string): Promise<string> {
  await terminal.press('C-l')
  await terminal.type(line)
  await terminal.press('Enter')
  const screen = await terminal.sees(/Return gives the prompt back\.$/)
  const found = screen.split('\n').findLast((one) => one.startsWith(`  ${program} `))
  assert.ok(found, screen)
  return found.trim()
}

/** At the prompt, in the folder with the difficult name. */
async function inFolder(work: (terminal: Terminal) => Promise<void>): Promise<void> {
  const ssh = ['ssh', '-tt', '-F', server.sshConfig, 'ftp']
  await using terminal = await openTerminal(ssh, { columns: 120, rows: 30 })
  await terminal.sees(/ada:\/>$/)
  await terminal.type(`cd "${FOLDER}"`)
  await terminal.press('Enter')
  await terminal.sees(/2024>$/)
  await work(terminal)
}

for (const program of ['scp', 'miniftp'] as const) {
  test(
    `elsewhere: the line for ${program} that get shows fetches the file, and the shell shows how far it is`,
    {
      skip,
    },
    () =>
      inFolder(async (terminal) => {
        const name = `春 天 by ${program}.bin`
        writeFileSync(join(server.home('ada'), FOLDER, name), CONTENT)
        const mine = ownFolder(`fetched by ${program}`)

        const line = await told(terminal, `get '${name}'`, program)
        const pasted = paste(line, mine)
        await terminal.sees(new RegExp(`^${name}  \\[#+\\.+\\] \\d+ %  .* of 1\\.43 MiB`, 'm'))
        const { status, stderr } = await pasted

        assert.equal(status, 0, stderr)
        assert.ok(readFileSync(join(mine, name)).equals(CONTENT))
        await terminal.sees(new RegExp(`^Sent "/${FOLDER}/${name}"\\n.+ 2024>$`, 'm'))
      }),
  )

  test(
    `elsewhere: the line for ${program} that put shows stores the file, and the shell shows how far it is`,
    {
      skip,
    },
    () =>
      inFolder(async (terminal) => {
        const name = `新 of ${program}.bin`
        const mine = ownFolder(`to be sent by ${program}`)
        writeFileSync(join(mine, name), CONTENT)

        const line = await told(terminal, `put '${name}'`, program)
        const pasted = paste(line, mine)
        await terminal.sees(new RegExp(`^${name}  [\\d.]+ [KM]iB`, 'm'))
        const { status, stderr } = await pasted

        assert.equal(status, 0, stderr)
        assert.ok(readFileSync(join(server.home('ada'), FOLDER, name)).equals(CONTENT))
        await terminal.sees(new RegExp(`^Stored "/${FOLDER}/${name}", 1\\.43 MiB\\n.+ 2024>$`, 'm'))
      }),
  )
}

test(
  'elsewhere: of folders, which a terminal does not take, the lines bring all that is in them',
  { skip },
  () =>
    inFolder(async (terminal) => {
      const tree = join(server.home('ada'), FOLDER, '照片 album')
      mkdirSync(join(tree, 'of 2024'), { recursive: true })
      writeFileSync(join(tree, 'one.jpg'), 'one')
      writeFileSync(join(tree, 'of 2024', 'two.jpg'), 'two')
      writeFileSync(join(server.home('ada'), FOLDER, '照片.txt'), 'a list')

      for (const program of ['scp', 'miniftp'] as const) {
        const mine = ownFolder(`albums by ${program}`)
        await terminal.press('C-l')
        await terminal.type('get 照片*\n')
        const screen = await terminal.sees(/There are folders among them[\s\S]* miniftp get .*\n.+ 2024>$/)
        const line = screen.split('\n').find((one) => one.startsWith(`  ${program} `))!
        const { status, stderr } = await paste(line.trim(), mine)

        assert.equal(status, 0, stderr)
        sameTree(join(mine, '照片 album'), tree)
        assert.equal(readFileSync(join(mine, '照片.txt'), 'utf8'), 'a list')
      }
    }),
)

test('elsewhere: a window that becomes narrow keeps nothing of the bar that was wide', { skip }, () =>
  inFolder(async (terminal) => {
    const name = 'slow.bin'
    writeFileSync(join(server.home('ada'), FOLDER, name), noise(3_000_000))
    const mine = ownFolder('fetched while narrow')
    const line = await told(terminal, `get ${name}`, 'scp')
    const pasted = paste(line, mine)
    await terminal.sees(/^slow\.bin {2}\[#+\.+\] \d+ % {2}.* of 2\.86 MiB {2}.*\/s$/m)

    await terminal.resize(40, 30)
    const shown = await terminal.sees(/^\d+ % {2}.* of 2\.86 MiB .*\/s$/m)
    assert.doesNotMatch(shown, /\[#/)
    assert.doesNotMatch(shown, /2024>$/)
    assert.equal((await pasted).status, 0)
    await terminal.sees(/Sent "/)
  }),
)
