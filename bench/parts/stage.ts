import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where everything of a run lies: in memory, so that no disk is measured, unless BENCH_DIR names a folder. */
export interface Stage extends Disposable {
  readonly folder: string
  /** What the peers serve. */
  readonly root: string
  /** The client's side. */
  readonly client: string
  /** Private key of the account, and of all servers. */
  readonly userKey: string
  readonly hostKey: string
  readonly authorized: string
}

export function openStage(): Stage {
  const base = process.env.BENCH_DIR ?? (process.platform === 'linux' ? '/dev/shm' : tmpdir())
  const folder = mkdtempSync(join(base, 'miniftp-bench-'))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', clean)
  const stage: Stage = {
    folder,
    root: join(folder, 'root'),
    client: join(folder, 'client'),
    userKey: join(folder, 'keys/user'),
    hostKey: join(folder, 'keys/ssh_host_ed25519_key'),
    authorized: join(folder, 'keys/authorized_keys'),
    [Symbol.dispose]() {
      process.off('exit', clean)
      clean()
    },
  }
  for (const path of [stage.root, stage.client, join(folder, 'keys')]) mkdirSync(path)
  for (const key of [stage.userKey, stage.hostKey])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', key])
  copyFileSync(`${stage.userKey}.pub`, stage.authorized)
  return stage
}
