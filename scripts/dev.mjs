// A server to work on: starts again whenever a file of the program is saved, with a VAR of its own that is thrown away.
//
//   npm run dev [-- --port N …]      flags as for npm start; ada is a user, grace an admin
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PASSWORD = 'let me in'
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'miniftp-dev-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const env = {
  ...process.env,
  MINIFTP_VAR: join(folder, 'var'),
  MINIFTP_HOSTKEYS: join(folder, 'hostkeys'),
  MINIFTP_ADMIN_PASSWORD: PASSWORD,
}
for (const [name, role] of [
  ['ada', 'user'],
  ['grace', 'admin'],
]) {
  const words = ['user', 'add', name, '--role', role, '--password-stdin']
  const made = spawnSync(process.execPath, [MAIN, ...words], { env, input: PASSWORD, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
}

const flags = process.argv.slice(2)
const port = flags.some((flag) => /^--port\b/.test(flag)) ? [] : ['--port', String(await freePort())]
console.log(
  `ada (user) and grace (admin) have the password "${PASSWORD}"; everything lies in ${folder}, until ^C`,
)
const server = spawn(
  process.execPath,
  [
    '--watch',
    '--watch-preserve-output',
    '--no-warnings',
    MAIN,
    'serve',
    '--log-level',
    'debug',
    ...port,
    ...flags,
  ],
  { env, stdio: 'inherit' },
)
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => server.kill('SIGTERM'))
server.on('exit', (status) => process.exit(status ?? 0))

/** The same over all starts, so that the line that was pasted stays good. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return port
}
