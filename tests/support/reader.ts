import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pythonWith } from './run-client.ts'
import { PROJECT, type TestServer } from './start-server.ts'

/**
 * The environment of a person who tries what we wrote, against a server with the accounts of a first start: has typed
 * the passwords and taken the host key, so the programs ask neither. `npx` runs what this checkout would.
 */
export function readersEnvironment(server: TestServer): NodeJS.ProcessEnv {
  const bin = join(server.folder, 'reader-bin')
  mkdirSync(bin)
  const script = (name: string, ...lines: readonly string[]) =>
    writeFileSync(join(bin, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  const config = join(server.folder, 'reader_config')
  const known = readFileSync(server.sshConfig, 'utf8').split('\n')
  writeFileSync(config, known.filter((line) => !/Identity|User |HostName|Port/.test(line)).join('\n'))
  // For our client, which has the user's alone.
  mkdirSync(join(server.folder, '.ssh'))
  cpSync(config, join(server.folder, '.ssh/config'))
  for (const name of ['ssh', 'sftp', 'scp']) script(name, `exec /usr/bin/${name} -F '${config}' "$@"`)
  script('askpass', 'case $1 in *admin@*) echo password ;; *) echo 123 ;; esac')
  script('npx', 'name=$1', 'shift', `exec '${process.execPath}' '${PROJECT}/bin/'"$name".mjs "$@"`)
  const python = pythonWith('paramiko')
  if (python) script('python3', `exec ${python} "$@"`)
  return {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: server.folder,
    SSH_ASKPASS: join(bin, 'askpass'),
    SSH_ASKPASS_REQUIRE: 'force',
    SSH_AUTH_SOCK: undefined,
    MINIFTP_VAR: server.var,
    MINIFTP_HOSTKEYS: join(server.folder, 'hostkeys'),
  }
}
