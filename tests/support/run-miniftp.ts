import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Done, type RunOptions, run } from './run-client.ts'
import { wantedPath } from './start-porch.ts'
import { PROJECT, type TestServer } from './start-server.ts'

export const MINIFTP = join(PROJECT, 'bin/miniftp.mjs')

/** The bundled client, as ada by her key; the server is the host `ftp`. */
export function miniftp(
  server: Pick<TestServer, 'sshConfig' | 'folder'>,
  words: readonly string[],
  options: RunOptions & { readonly port?: number } = {},
): Promise<Done> {
  const { port, ...rest } = options
  const way =
    port === undefined
      ? []
      : ['-P', String(port), '-o', 'StrictHostKeyChecking=accept-new', '-o', 'UserKnownHostsFile=/dev/null']
  const args = [
    '--no-warnings',
    MINIFTP,
    ...words.slice(0, 1),
    '--data-path',
    wantedPath(),
    '-F',
    server.sshConfig,
    ...way,
    ...words.slice(1),
  ]
  return run(process.execPath, args, { cwd: server.folder, seconds: 120, ...rest })
}

/** The first event of that name among the lines of --json. */
export function eventOf(lines: string, event: string): Record<string, unknown> {
  const all = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return all.find((one) => one.event === event) ?? assert.fail(`no "${event}" in ${lines}`)
}
