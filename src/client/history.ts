import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Lines that were typed before, for the owner's eyes alone. */
export interface History {
  /** Newest first. */
  readonly lines: string[]
  save(): Promise<void>
}

const MOST = 500

export async function openHistory(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<History> {
  const file = join(env.XDG_STATE_HOME || join(home, '.local/state'), 'miniftp/history')
  const text = await readFile(file, 'utf8').catch(() => '') // None yet, or not ours to read: it begins empty.
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-MOST)
    .reverse()
  return {
    lines,
    async save() {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await writeFile(file, `${lines.slice(0, MOST).reverse().join('\n')}\n`, { mode: 0o600 })
    },
  }
}
