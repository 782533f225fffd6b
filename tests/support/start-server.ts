import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Done, run } from './run-client.ts'

export const PROJECT = resolve(import.meta.dirname, '../..')
const PROGRAM = join(PROJECT, 'bin/miniftpd.mjs')

/** Seconds a start may take; a machine with every test at work is slow. */
const START_SECONDS = 60

export interface TestServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** A folder for the test's own files; gone with the server. */
  readonly folder: string
  readonly var: string
  /** The process that listens. */
  readonly pid: number
  /** Private key of `ada` and of `grace` (and, in a file beside it with `.pub`, its public one). */
  readonly key: string
  /** The password of `ada` and of `grace`. */
  readonly password: string
  /** For `ssh -F`: user, key, port and host key of this server under the name `ftp`. */
  readonly sshConfig: string
  /** The account's files on the disk. */
  home(account: string): string
  /** The words of the admin, as `miniftpd` takes them. */
  console(words: readonly string[], input?: string): Promise<Done>
  /** What the server wrote so far. */
  said(): string
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>
  /** The next server over the same VAR, after this one has ended. The folder is the first one's to remove. */
  again(): Promise<TestServer>
}

export interface StartOptions {
  /** With the accounts of a first start, `zhangsan` and `admin`, and nobody else. */
  readonly demo?: boolean
  /** More words behind `serve`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Is given VAR before the server starts in it. */
  readonly prepare?: (folder: string) => void
  /** Descriptors that it may have. */
  readonly descriptors?: number
  /** Words behind `user add ada`. */
  readonly ada?: readonly string[]
}

/**
 * The real program on a free port of loopback, with a fresh VAR: `ada` is a user, `grace` an admin.
 * Whoever starts it disposes of it.
 */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const { demo = false, args = [], env = {}, ada = [], prepare, descriptors } = options
  const folder = mkdtempSync(join(tmpdir(), 'miniftp-test-'))
  const at = { var: join(folder, 'var'), hostkeys: join(folder, 'hostkeys'), key: join(folder, 'id_ed25519') }
  const password = 'correct horse battery'
  const everything = {
    ...process.env,
    MINIFTP_VAR: at.var,
    MINIFTP_HOSTKEYS: at.hostkeys,
    MINIFTP_ADMIN_PASSWORD: demo ? undefined : password,
    ...env,
  }
  const console = (list: readonly string[], input = '') =>
    run(process.execPath, [PROGRAM, ...list], { env: everything, cwd: folder, input })
  let child: ChildProcess | undefined
  try {
    await done(run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ada', '-f', at.key]))
    if (!demo) {
      const key = ['--key', `${at.key}.pub`]
      await done(console(['user', 'add', 'ada', '--password-stdin', ...key, ...ada], password))
      await done(console(['user', 'add', 'grace', '--role', 'admin', '--password-stdin', ...key], password))
    }

    prepare?.(at.var)
    const start = async (): Promise<TestServer> => {
      const command = [process.execPath, PROGRAM, 'serve', '--port', '0', ...args]
      const [program, ...words] = descriptors === undefined ? command : limited(descriptors, command)
      const running = spawn(program!, words, {
        env: everything,
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = running
      const said: string[] = []
      const port = await listening(running, said)
      return {
        host: '127.0.0.1',
        port,
        folder,
        var: at.var,
        pid: running.pid!,
        key: at.key,
        password,
        sshConfig: writeSshConfig(folder, port, at),
        home: (account) => join(at.var, 'home', account),
        console,
        said: () => said.join('\n'),
        stop: () => stop(running),
        again: start,
        async [Symbol.asyncDispose]() {
          await stop(running)
        },
      }
    }
    const first = await start()
    return {
      ...first,
      async [Symbol.asyncDispose]() {
        await first[Symbol.asyncDispose]()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    if (child) await stop(child)
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** The command with so many descriptors; a shell becomes it. */
function limited(descriptors: number, command: readonly string[]): readonly string[] {
  return ['bash', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash', ...command]
}

async function done(running: Promise<Done>): Promise<Done> {
  const result = await running
  if (result.status !== 0) throw new Error(`${result.command} ended with ${result.status}:\n${result.stderr}`)
  return result
}

/** Waits for `listening on HOST:PORT` and goes on keeping what is said. */
async function listening(child: ChildProcess, said: string[]): Promise<number> {
  const port = Promise.withResolvers<number>()
  const fail = (reason: string) => port.reject(new Error(`${reason}\n${said.join('\n')}`))
  const late = setTimeout(() => fail(`no "listening on" within ${START_SECONDS} s`), START_SECONDS * 1000)
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      const match = /^listening on .*:(\d+)$/.exec(line)
      if (match) port.resolve(Number(match[1]))
    })
  }
  child.once('exit', (status, signal) => fail(`the server ended (${signal ?? status}) before it listened`))
  try {
    return await port.promise
  } finally {
    clearTimeout(late)
  }
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(late)
  return child.exitCode
}

function writeSshConfig(folder: string, port: number, at: { hostkeys: string; key: string }): string {
  const known = join(folder, 'known_hosts')
  const config = join(folder, 'ssh_config')
  const hostKey = readFileSync(join(at.hostkeys, 'ssh_host_ed25519_key.pub'), 'utf8').trim()
  writeFileSync(known, `[127.0.0.1]:${port} ${hostKey}\n`)
  const lines = [
    'Host ftp 127.0.0.1',
    '  HostName 127.0.0.1',
    `  Port ${port}`,
    '  User ada',
    `  IdentityFile ${at.key}`,
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    `  UserKnownHostsFile ${known}`,
    '  GlobalKnownHostsFile /dev/null',
    '  StrictHostKeyChecking yes',
    '  UpdateHostKeys no',
    '  LogLevel ERROR',
    '',
  ]
  writeFileSync(config, lines.join('\n'))
  return config
}
