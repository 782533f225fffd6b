import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { Stage } from './stage.ts'

const PROGRAM = resolve(import.meta.dirname, '../../bin/miniftpd.mjs')
const ACCOUNT = 'bench'
const START_SECONDS = 30

/** A server that runs, and how a client reaches the folder that is measured. */
export interface Server extends AsyncDisposable {
  readonly label: string
  readonly version: string
  readonly port: number
  readonly user: string
  readonly pid: number
  /** The folder for a row's files as the client names it, and on this machine. */
  readonly remote: string
  readonly local: string
}

export type Maker = (stage: Stage, label: string) => Promise<Server>

/** Our server, with everything on that is always on: quota, upload state, log. Settings as `--NAME VALUE`. */
export function ours(...settings: readonly string[]): Maker {
  return async (stage, label) => {
    const at = join(stage.folder, label.replaceAll(' ', '-'))
    const keys = join(at, 'hostkeys')
    mkdirSync(keys, { recursive: true })
    for (const end of ['', '.pub'])
      writeFileSync(join(keys, `ssh_host_ed25519_key${end}`), readFileSync(stage.hostKey + end), {
        mode: 0o600,
      })
    const env = {
      ...process.env,
      MINIFTP_VAR: join(at, 'var'),
      MINIFTP_HOSTKEYS: keys,
      MINIFTP_ADMIN_PASSWORD: 'only for measuring',
    }
    const key = ['--key', stage.authorized, '--quota', '1TiB', '--password-stdin']
    execFileSync(process.execPath, [PROGRAM, 'user', 'add', ACCOUNT, ...key], {
      env,
      input: 'only for measuring',
    })
    const words = [PROGRAM, 'serve', '--quiet', '--no-demo', ...settings]
    const version = JSON.parse(readFileSync(resolve(PROGRAM, '../../package.json'), 'utf8')).version
    return started(stage, label, {
      version: `MiniFTP ${version}, Node ${process.versions.node}`,
      user: ACCOUNT,
      remote: '',
      local: join(at, 'var/home', ACCOUNT),
      command: (port) => [process.execPath, ...profiled(), ...words, '--port', String(port)],
      env,
    })
  }
}

/** BENCH_PROFILE names a folder: what our server spends its time on goes there when it ends. */
function profiled(): string[] {
  const folder = process.env.BENCH_PROFILE
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(folder)]
}

/** sshd with internal-sftp: the yardstick. */
export const openssh: Maker = (stage, label) => {
  const sshd = program('sshd')
  if (sshd === undefined) throw new Error('There is no sshd here: npm run bench:peers')
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  return started(stage, label, {
    version: versionOf('ssh', ['-V']),
    user: userInfo().username,
    remote: stage.root,
    local: stage.root,
    command: (port) => [sshd, '-D', '-e', '-f', '/dev/null', ...sshdOptions(stage, port)],
  })
}

function sshdOptions(stage: Stage, port: number): string[] {
  const options = [
    `Port=${port}`,
    'ListenAddress=127.0.0.1',
    `HostKey=${stage.hostKey}`,
    `AuthorizedKeysFile=${stage.authorized}`,
    'Subsystem=sftp internal-sftp',
    'PidFile=none',
    'StrictModes=no',
    'UsePAM=no',
    'UseDNS=no',
    'MaxStartups=5000',
    'MaxSessions=1000',
    'LogLevel=ERROR',
  ]
  return options.flatMap((option) => ['-o', option])
}

/** ProFTPD with mod_sftp, if it is here; it wants root. */
export const proftpd: Maker = (stage, label) => {
  const path = program('proftpd')
  if (path === undefined || process.getuid?.() !== 0) throw new Missing('proftpd')
  const keys = join(stage.folder, 'keys/rfc4716')
  writeFileSync(keys, execFileSync('ssh-keygen', ['-e', '-f', `${stage.userKey}.pub`]))
  return started(stage, label, {
    version: versionOf(path, ['-v']),
    user: 'root',
    remote: stage.root,
    local: stage.root,
    command(port) {
      const file = join(stage.folder, `${label}.conf`)
      const lines = [
        'LoadModule mod_sftp.c',
        'ServerName bench',
        'ServerType standalone',
        'DefaultAddress 127.0.0.1',
        'SocketBindTight on',
        'UseIPv6 off',
        `Port ${port}`,
        'User nobody',
        'Group nogroup',
        'MaxInstances none',
        `PidFile ${file}.pid`,
        `ScoreboardFile ${file}.board`,
        `SystemLog ${file}.log`,
        'WtmpLog off',
        'TransferLog none',
        'UseReverseDNS off',
        'UseFtpUsers off',
        'RootLogin on',
        'RequireValidShell off',
        'AllowOverwrite on',
        'AllowStoreRestart on',
        'SFTPEngine on',
        `SFTPHostKey ${stage.hostKey}`,
        'SFTPAuthMethods publickey',
        `SFTPAuthorizedUserKeys file:${keys}`,
      ]
      writeFileSync(file, `${lines.join('\n')}\n`)
      return [path, '--nodaemon', '--quiet', '--config', file]
    },
  })
}

/** rclone serve sftp, if it is here. */
export const rclone: Maker = (stage, label) => {
  const path = program('rclone')
  if (path === undefined) throw new Missing('rclone')
  const more = ['--config', join(stage.folder, 'rclone.conf'), '--cache-dir', join(stage.folder, 'rclone')]
  const keys = ['--key', stage.hostKey, '--authorized-keys', stage.authorized]
  return started(stage, label, {
    version: versionOf(path, ['version']),
    user: 'bench',
    remote: '',
    local: stage.root,
    // The bench puts files there behind its back. With 0 s it lists a folder anew for each file in it.
    command: (port) => [
      path,
      'serve',
      'sftp',
      stage.root,
      '--addr',
      `127.0.0.1:${port}`,
      '--dir-cache-time',
      '1s',
      ...keys,
      ...more,
    ],
  })
}

/** A peer that is not installed. */
export class Missing extends Error {}

interface Start {
  readonly version: string
  readonly user: string
  readonly remote: string
  readonly local: string
  readonly env?: NodeJS.ProcessEnv
  command(port: number): readonly string[]
}

/** Starts it on a free port of loopback; resolves when it answers. What it says goes to a file in the stage. */
async function started(stage: Stage, label: string, start: Start): Promise<Server> {
  const port = await freePort()
  const [command, ...args] = start.command(port)
  const said = join(stage.folder, `${label.replaceAll(' ', '-')}.out`)
  const out = openSync(said, 'a')
  const child = spawn(command!, args, { env: start.env ?? process.env, stdio: ['ignore', out, out] })
  closeSync(out)
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  const server: Server = {
    ...start,
    label,
    port,
    pid: child.pid!,
    remote: `${start.remote}/data`,
    local: join(start.local, 'data'),
    [Symbol.asyncDispose]: () => stopped(child),
  }
  for (const deadline = Date.now() + START_SECONDS * 1000; !(await answers(port)); ) {
    if (child.exitCode === null && Date.now() < deadline) {
      await sleep(50)
      continue
    }
    await stopped(child)
    throw new Error(`${label} does not listen:\n${readFileSync(said, 'utf8').slice(-2000)}`)
  }
  mkdirSync(server.local, { recursive: true })
  return server
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(late)
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (yes: boolean): void => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('error', () => done(false))
    socket.once('data', () => done(true))
    socket.once('close', () => done(false))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

function program(name: string): string | undefined {
  const folders = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`.split(':')
  return folders.map((folder) => join(folder, name)).find(existsSync)
}

/** The first line that a program says of itself, on whichever stream. */
function versionOf(command: string, args: readonly string[]): string {
  const said = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], { encoding: 'utf8' })
  return said.trim().split('\n')[0] ?? ''
}
