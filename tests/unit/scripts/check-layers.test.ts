import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { violations } from '../../../scripts/check-layers.mjs'

type Files = Readonly<Record<string, string>>

async function check(files: Files): Promise<readonly string[]> {
  const root = mkdtempSync(join(tmpdir(), 'layers-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    return await violations(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const GREEN: Files = {
  'src/base/error.ts': "import { inspect } from 'node:util'\nexport const x: string = inspect(1)\n",
  'src/vfs/vfs.ts': 'export interface Stat { readonly size: number }\n',
  'src/wire/frames.ts':
    "import { x } from '../base/error.ts'\nimport type { Stat } from '../vfs/vfs.ts'\nexport const y: Stat = { size: x.length }\n",
  'src/ssh/server.ts':
    "import ssh2 from 'ssh2'\n// process.env is not read here, nor 'Date.now()'\nssh2.Server\n",
  'src/main.ts': "import '../src/ssh/server.ts'\nconsole.log(process.argv, Date.now())\n",
  'bin/miniftpd.mjs': "import('../src/main.ts')\n",
  'tests/unit/a.test.ts': "import '../../src/ssh/server.ts'\nconsole.log(process.env)\n",
}

test('check-layers: has nothing against a program that keeps its walls', async () => {
  assert.deepEqual(await check(GREEN), [])
})

/** One violation of each kind: what is planted, and what the sentence must say. */
const PLANTED: readonly (readonly [kind: string, files: Files, says: RegExp])[] = [
  [
    'a room imports one that is not its to import',
    { 'src/wire/bad.ts': "import { serve } from '../ssh/server.ts'\nserve()\n" },
    /src\/wire\/bad\.ts: wire may not import ssh/,
  ],
  [
    'an import broken over lines by the formatter',
    { 'src/wire/bad.ts': "import {\n  one,\n  two,\n} from '../ssh/server.ts'\none(two)\n" },
    /src\/wire\/bad\.ts: wire may not import ssh/,
  ],
  [
    'a dynamic import',
    { 'src/wire/bad.ts': "export const later = () => import('../ssh/server.ts')\n" },
    /src\/wire\/bad\.ts: wire may not import ssh/,
  ],
  [
    'an export from another room',
    { 'src/wire/bad.ts': "export { serve } from '../ssh/server.ts'\n" },
    /src\/wire\/bad\.ts: wire may not import ssh/,
  ],
  [
    'values of a room of which only the types may be known',
    { 'src/sftpd/bad.ts': "import { openLocal } from '../vfs/local.ts'\nopenLocal()\n" },
    /src\/sftpd\/bad\.ts: sftpd may know the types of vfs, not its values/,
  ],
  [
    'types of a room that is not to be known at all',
    { 'src/vfs/bad.ts': "import type { Session } from '../ssh/session.ts'\nexport type A = Session\n" },
    /src\/vfs\/bad\.ts: vfs may not import ssh/,
  ],
  [
    'a handler that imports another handler',
    { 'src/shell/bad.ts': "import { sftp } from '../sftpd/subsystem.ts'\nsftp()\n" },
    /src\/shell\/bad\.ts: shell may not import sftpd/,
  ],
  [
    'ssh2 outside the porch',
    { 'src/sftpd/bad.ts': "import ssh2 from 'ssh2'\nssh2.utils\n" },
    /src\/sftpd\/bad\.ts: the npm package "ssh2" is not for sftpd/,
  ],
  [
    'ssh2 by a deep path and require',
    {
      'src/sftpd/bad.ts':
        "import { createRequire } from 'node:module'\nexport const p = createRequire(import.meta.url)('ssh2/lib/x.js')\nconst require = createRequire('/')\nrequire('ssh2/lib/Channel.js')\n",
    },
    /src\/sftpd\/bad\.ts: the npm package "ssh2" is not for sftpd/,
  ],
  [
    'a scoped package in the wrong room',
    { 'src/accounts/bad.ts': "import KeyvSqlite from '@keyv/sqlite'\nKeyvSqlite\n" },
    /src\/accounts\/bad\.ts: the npm package "@keyv\/sqlite" is not for accounts/,
  ],
  [
    'wire that reads files',
    { 'src/wire/bad.ts': "import { readFileSync } from 'node:fs'\nreadFileSync('/')\n" },
    /src\/wire\/bad\.ts: wire does no input or output/,
  ],
  [
    'a room that imports a file of the roof',
    { 'src/vfs/bad.ts': "import { config } from '../config.ts'\nconfig\n" },
    /src\/vfs\/bad\.ts: imports src\/config\.ts, which is above it/,
  ],
  [
    'somebody who imports main.ts',
    { 'src/console.ts': "import './main.ts'\n" },
    /src\/console\.ts: nobody imports main\.ts/,
  ],
  [
    'a test that imports main.ts',
    { 'tests/unit/b.test.ts': "import '../../src/main.ts'\n" },
    /tests\/unit\/b\.test\.ts: nobody imports main\.ts/,
  ],
  [
    'the roof that imports the client',
    { 'src/console.ts': "import { connect } from './client/connect.ts'\nconnect()\n" },
    /src\/console\.ts: console\.ts may not import client/,
  ],
  [
    'the program that imports tests',
    { 'src/vfs/bad.ts': "import { x } from '../../tests/support/x.ts'\nx\n" },
    /src\/vfs\/bad\.ts: imports tests\/support\/x\.ts, which is not part of the program/,
  ],
  [
    'an import that is only known when it runs',
    { 'src/vfs/bad.ts': 'export const load = (name: string) => import(name)\n' },
    /src\/vfs\/bad\.ts: imports something that is only known when it runs/,
  ],
  [
    'a room without rules',
    { 'src/attic/bad.ts': "import { x } from '../base/error.ts'\nx\n" },
    /src\/attic\/bad\.ts: the room "attic" has no rules/,
  ],
  [
    'environment read in a room',
    { 'src/vfs/bad.ts': 'export const home = process.env.HOME\n' },
    /src\/vfs\/bad\.ts: touches the process \(process\.env\)/,
  ],
  [
    'arguments read in a room',
    { 'src/vfs/bad.ts': 'export const words = process.argv\n' },
    /src\/vfs\/bad\.ts: touches the process \(process\.argv\)/,
  ],
  [
    'the process by import',
    { 'src/vfs/bad.ts': "import { env } from 'node:process'\nexport const home = env.HOME\n" },
    /src\/vfs\/bad\.ts: touches the process \(node:process\)/,
  ],
  [
    'a signal taken in a room',
    { 'src/ssh/bad.ts': "process.on('SIGTERM', () => {})\n" },
    /src\/ssh\/bad\.ts: touches the process \(process\.on\)/,
  ],
  [
    'the console',
    { 'src/vfs/bad.ts': "console.log('x')\n" },
    /src\/vfs\/bad\.ts: touches the process \(console\.\)/,
  ],
  [
    'the time of day read in a room',
    { 'src/vfs/bad.ts': 'export const now = Date.now()\n' },
    /src\/vfs\/bad\.ts: reads the time itself/,
  ],
]

for (const [kind, files, says] of PLANTED) {
  test(`check-layers: goes red at ${kind}`, async () => {
    const found = await check({ ...GREEN, ...files })

    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0]!, says)
  })
}

test('check-layers: goes red when ARCHITECTURE.md shows another table', async () => {
  const found = await check({ ...GREEN, 'ARCHITECTURE.md': '| wire | base, ssh | – |\n' })

  assert.ok(found.some((line) => line.startsWith('ARCHITECTURE.md: section 3 lacks the row | wire | base,')))
})
