import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { succeed } from './run-client.ts'

/** Somebody else's SFTP server, with a folder that it serves and a config for `ssh -F` under the name `ftp`. */
export interface OtherServer extends AsyncDisposable {
  readonly port: number
  /** A folder for the test's own files. */
  readonly folder: string
  /** Served by it; `remote` is what a client calls it. */
  readonly root: string
  readonly remote: string
  readonly sshConfig: string
}

/** OpenSSH's server. `shell`: with exec; else SFTP alone. `sessions`: that one connection may have (10). */
export function startSshd({
  shell,
  sessions = 10,
}: {
  readonly shell: boolean
  readonly sessions?: number
}): Promise<OtherServer> {
  return start(userInfo().username, (port, at) => {
    const config = [
      `HostKey ${at.hostKey}`,
      `AuthorizedKeysFile ${at.key}.pub`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'Subsystem sftp internal-sftp',
      `MaxSessions ${sessions}`,
      shell ? '' : 'ForceCommand internal-sftp',
    ]
    writeFileSync(join(at.folder, 'sshd_config'), config.join('\n'))
    // Where it drops to, when it is root.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
    const words = ['-D', '-e', '-f', join(at.folder, 'sshd_config'), '-o', `ListenAddress=127.0.0.1:${port}`]
    return { program: '/usr/sbin/sshd', words, remote: at.root }
  })
}

export function startRclone(): Promise<OtherServer> {
  return start('ada', (port, at) => ({
    program: 'rclone',
    words: [
      'serve',
      'sftp',
      at.root,
      '--addr',
      `127.0.0.1:${port}`,
      '--key',
      at.hostKey,
      '--authorized-keys',
      `${at.key}.pub`,
      '--vfs-cache-mode',
      'off',
    ],
    remote: '',
  }))
}

interface Places {
  readonly folder: string
  readonly root: string
  readonly key: string
  readonly hostKey: string
}

async function start(
  user: string,
  command: (
    port: number,
    at: Places,
  ) => { readonly program: string; readonly words: readonly string[]; readonly remote: string },
): Promise<OtherServer> {
  const folder = mkdtempSync(join(tmpdir(), 'other-server-'))
  const at = { folder, root: join(folder, 'root'), key: join(folder, 'key'), hostKey: join(folder, 'host') }
  mkdirSync(at.root)
  for (const file of [at.key, at.hostKey])
    await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const port = await freePort()
  const { program, words, remote } = command(port, at)
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  try {
    await listens(port, child, () => said)
  } catch (error) {
    child.kill()
    throw error
  }
  const known = join(folder, 'known_hosts')
  writeFileSync(known, `[127.0.0.1]:${port} ${readFileSync(`${at.hostKey}.pub`, 'utf8')}`)
  const sshConfig = join(folder, 'ssh_config')
  writeFileSync(
    sshConfig,
    [
      'Host ftp',
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  User ${user}`,
      `  IdentityFile ${at.key}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${known}`,
      '',
    ].join('\n'),
  )
  return {
    port,
    folder,
    root: at.root,
    remote,
    sshConfig,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listens(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (const late = Date.now() + 30_000; Date.now() < late; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}\n${said()}`)
    const socket = connect(port, '127.0.0.1')
    const found = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (found) return
  }
  throw new Error(`nothing listens at ${port}\n${said()}`)
}
