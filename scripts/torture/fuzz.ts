import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Torture } from './killed-uploads.ts'

/** The inputs of tests/fuzz, `count` times as many, from `seed`: what `npm test` tries, gone on with. */
export async function fuzz({ seed, count }: Torture): Promise<string> {
  const root = resolve(import.meta.dirname, '../..')
  const words = ['--no-warnings', '--test', '--test-concurrency=1', 'tests/fuzz/*.test.ts']
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: { ...process.env, FUZZ_SEED: String(seed), FUZZ_TIMES: String(count) },
    stdio: 'inherit',
  })
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`fuzz: failed with seed ${seed}`)
  return 'nothing crashed, logged in or stayed unanswered'
}
