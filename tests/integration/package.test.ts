import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, succeed } from '../support/run-client.ts'
import { PROJECT, startServer } from '../support/start-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'miniftp-package-'))
const there = join(folder, 'program')
const server = await startServer()
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

before(async () => {
  mkdirSync(there)
  writeFileSync(join(there, 'package.json'), '{ "type": "module" }')
  await succeed('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: PROJECT, seconds: 200 })
  const made = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  assert.ok(made)
  // As npm lays it down: beside it what it depends on, and nothing else that this folder has.
  const installed = join(there, 'node_modules')
  mkdirSync(join(installed, 'miniftp'), { recursive: true })
  const into = ['-C', join(installed, 'miniftp'), '--strip-components', '1']
  await succeed('tar', ['-xzf', join(folder, made), ...into])
  for (const name of Object.keys(manifest().dependencies)) {
    mkdirSync(dirname(join(installed, name)), { recursive: true })
    symlinkSync(join(PROJECT, 'node_modules', name), join(installed, name))
  }
})

/** What the package says of itself. */
function manifest(): {
  readonly dependencies: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
} {
  return JSON.parse(readFileSync(join(there, 'node_modules/miniftp/package.json'), 'utf8'))
}

test('package: installed in an empty folder, the example of the Node API runs', async () => {
  copyFileSync(join(PROJECT, 'examples/6-node-api.mjs'), join(there, 'example.mjs'))

  const done = await run(process.execPath, ['example.mjs', 'ftp', server.sshConfig], { cwd: there })

  assert.equal(done.status, 0, done.stderr)
  assert.match(done.stdout, /sent: moved, MD5 [0-9a-f]{32}, verified: true/)
})

test('package: both commands are there and run what was built', async () => {
  const { bin } = manifest()
  assert.deepEqual(Object.keys(bin).sort(), ['miniftp', 'miniftpd'])
  for (const file of Object.values(bin)) {
    const done = await run(process.execPath, [join(there, 'node_modules/miniftp', file), '--version'])

    assert.equal(done.status, 0, done.stderr)
    assert.match(done.stdout, /\d+\.\d+\.\d+/)
  }
})

test('package: its types tell a caller what is wrong', async () => {
  const tsc = join(PROJECT, 'node_modules/.bin/tsc')
  const check = async (line: string): Promise<string> => {
    writeFileSync(join(there, 'caller.ts'), `import { connect } from 'miniftp'\nexport const it = ${line}\n`)
    const types = ['--types', 'node', '--typeRoots', join(PROJECT, 'node_modules/@types')]
    const words = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', ...types]
    return (await run(tsc, [...words, '--ignoreConfig', 'caller.ts'], { cwd: there })).stdout
  }

  assert.equal(await check("connect({ host: 'h' }).then((client) => client.put('a', 'b'))"), '')
  assert.match(await check('connect({ host: 1 })'), /caller\.ts.*TS2322/)
})
