import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Done, type RunOptions, run, without } from './run-client.ts'
import type { TestServer } from './start-server.ts'

const FAST_PUT = join(import.meta.dirname, 'fast-put.ts')

/** A real client that uploads the file `local` as `name`, through `port`. */
export interface Uploader {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly skip: string | false
  put(local: string, name: string, port: number): Promise<Done>
  /** Goes on with what is there; undefined for a client that can only start again. */
  readonly resume?: (local: string, name: string, port: number) => Promise<Done>
}

/** The clients that people use, with ada's key or password; each a program, which `signal` kills. */
export function uploaders(server: TestServer, signal?: AbortSignal): readonly Uploader[] {
  const { folder, key, password } = server
  const env = { ...process.env, HOME: folder, LFTP_HOME: folder }
  const options: RunOptions = { env, cwd: folder, seconds: 60, signal }
  const ssh = (port: number) => [
    '-F',
    '/dev/null',
    '-i',
    key,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    'LogLevel=ERROR',
    '-o',
    `Port=${port}`,
  ]
  const at = 'ada@127.0.0.1'
  const sftp = (port: number, line: string) =>
    run('sftp', [...ssh(port), '-b', '-', at], { ...options, input: `${line}\n` })
  const lftp = (port: number, line: string) => {
    const script = [
      'set cmd:fail-exit yes',
      'set net:max-retries 1',
      'set net:reconnect-interval-base 1',
      'set net:timeout 20',
      `set sftp:connect-program "ssh -a -x ${ssh(port).join(' ')}"`,
      `open -p ${port} sftp://ada:@127.0.0.1`,
      line,
      'bye',
    ]
    return run('lftp', ['-c', script.join('; ')], options)
  }
  let fingerprint: string | undefined
  const psftp = (port: number, line: string) => {
    const hostKey = join(folder, 'hostkeys/ssh_host_ed25519_key.pub')
    fingerprint ??= spawnSync('ssh-keygen', ['-lf', hostKey]).stdout.toString().split(' ')[1]!
    const batch = join(folder, `psftp-${port}-${line.split(' ')[0]}`)
    writeFileSync(batch, `${line}\nquit\n`)
    const login = ['-batch', '-P', String(port), '-l', 'ada', '-pw', password, '-hostkey', fingerprint]
    return run('psftp', [...login, '-b', batch, '127.0.0.1'], options)
  }
  return [
    {
      name: 'OpenSSH sftp',
      skip: without('sftp'),
      put: (local, name, port) => sftp(port, `put ${local} ${name}`),
      resume: (local, name, port) => sftp(port, `reput ${local} ${name}`),
    },
    {
      name: 'OpenSSH scp',
      skip: without('scp'),
      put: (local, name, port) => run('scp', [...ssh(port), local, `${at}:${name}`], options),
    },
    {
      name: 'OpenSSH scp -O',
      skip: without('scp'),
      put: (local, name, port) => run('scp', ['-O', ...ssh(port), local, `${at}:${name}`], options),
    },
    {
      name: 'lftp',
      skip: without('lftp'),
      put: (local, name, port) => lftp(port, `put ${local} -o ${name}`),
      resume: (local, name, port) => lftp(port, `put -c ${local} -o ${name}`),
    },
    {
      name: 'psftp',
      skip: without('psftp'),
      put: (local, name, port) => psftp(port, `put ${local} ${name}`),
      resume: (local, name, port) => psftp(port, `reput ${local} ${name}`),
    },
    {
      name: 'rclone',
      skip: without('rclone'),
      put(local, name, port) {
        const config = join(folder, `rclone-${port}.conf`)
        const remote = ['[s]', 'type = sftp', 'host = 127.0.0.1', `port = ${port}`, 'user = ada']
        writeFileSync(config, [...remote, `key_file = ${key}`, ''].join('\n'))
        const words = ['--config', config, '--retries', '1', '--low-level-retries', '1']
        return run('rclone', [...words, 'copyto', '--ignore-times', local, `s:${name}`], options)
      },
    },
    {
      name: 'fastPut',
      skip: false,
      put: (local, name, port) =>
        run(process.execPath, ['--no-warnings', FAST_PUT, String(port), key, local, name], options),
    },
    {
      name: 'exec',
      skip: without('ssh'),
      put: (local, name, port) => {
        const bytes = readFileSync(local)
        return run('ssh', [...ssh(port), at, `put -f --size ${bytes.length} ${name}`], {
          ...options,
          input: bytes,
        })
      },
      async resume(local, name, port) {
        const bytes = readFileSync(local)
        const stat = await run('ssh', [...ssh(port), at, `stat --json ${name}`], options)
        if (stat.status !== 0) return stat
        const { size, aside = [] } = JSON.parse(stat.stdout)
        const part = aside.find(({ kind }: { kind: string }) => kind === 'part')
        const from: number = part?.size ?? size
        const token = `--offset ${from} --md5 ${md5(bytes.subarray(0, from))}`
        const line = `put ${token} --size ${bytes.length} --whole-md5 ${md5(bytes)} ${name}`
        return run('ssh', [...ssh(port), at, line], { ...options, input: bytes.subarray(from) })
      },
    },
  ]
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
