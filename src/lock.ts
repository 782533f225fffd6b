import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpError } from './base/error.ts'
import { startOf } from './base/living.ts'
import { cannotUse } from './store/database.ts'
import { ToldDatabase } from './store/told-database.ts'

/** How long one waits for another that is just looking at the lock, in ms. */
const PATIENCE_MS = 5_000

/** One server a VAR: `VAR/lock` holds the process that has it. EBUSY names it. A lock whose process is gone is taken over. */
export function takeLock(folder: string): Disposable {
  const file = join(folder, 'lock')
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 })
  alone(folder, () => {
    const holder = holderOf(file)
    if (holder !== undefined) {
      throw new OpError(
        'EBUSY',
        `Another server (process ${holder}) uses "${folder}": stop it first, or give this one a folder of its own with --var`,
      )
    }
    writeFileSync(`${file}.new`, `${process.pid} ${startOf(process.pid)}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  })
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
}

/** Looking and taking is one step between processes: SQLite holds a lock of the kernel, which goes with who has it. */
function alone(folder: string, work: () => void): void {
  using _ = heldAlone(join(folder, 'data', 'lock.sqlite'))
  work()
}

function heldAlone(file: string): Disposable {
  try {
    const guard = new ToldDatabase(file, { timeout: PATIENCE_MS })
    guard.exec('BEGIN EXCLUSIVE')
    return { [Symbol.dispose]: () => guard.close() }
  } catch (cause) {
    throw cannotUse(file, 'remove it, and start again', cause)
  }
}

/** The process that has the lock, if it still runs. */
function holderOf(file: string): string | undefined {
  try {
    const [pid, start] = readFileSync(file, 'utf8').trim().split(' ')
    return pid !== undefined && start !== undefined && startOf(Number(pid)) === start ? pid : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
