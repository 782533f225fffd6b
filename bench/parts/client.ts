import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Server } from './servers.ts'
import type { Stage } from './stage.ts'

/** Options of ssh, sftp and scp for a server. */
export function sshOptions(
  stage: Stage,
  server: Pick<Server, 'port'>,
  more: readonly string[] = [],
): string[] {
  const options = [
    `Port=${server.port}`,
    `IdentityFile=${stage.userKey}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=no',
    'BatchMode=yes',
    'LogLevel=ERROR',
    ...more,
  ]
  return ['-F', '/dev/null', ...options.flatMap((option) => ['-o', option])]
}

/** OpenSSH's sftp with these commands; what it says goes into the file `said`. Rejects when one of them fails. */
export async function sftp(
  stage: Stage,
  server: Pick<Server, 'port' | 'user'>,
  commands: readonly string[],
  options: readonly string[] = [],
  said = '/dev/null',
): Promise<void> {
  const args = ['-q', '-b', '-', ...sshOptions(stage, server, options), `${server.user}@127.0.0.1`]
  const out = openSync(said, 'w')
  try {
    await run('sftp', args, `${commands.join('\n')}\n`, out)
  } finally {
    closeSync(out)
  }
}

export async function run(
  command: string,
  args: readonly string[],
  input = '',
  out: number | 'ignore' = 'ignore',
): Promise<void> {
  const child = spawn(command, args, { stdio: ['pipe', out, 'pipe'] })
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-2000)
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${said.trim()}`)
}
