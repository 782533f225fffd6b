import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Torture } from './killed-uploads.ts'

/**
 * Full, read-only and failing disks, too few descriptors, clocks that are set, a database that is damaged or held, an end
 * amid uploads: the tests of these, `count` times, each time with other bytes. Ends at the first byte that was lost.
 */
export async function faults({ seed, count, say }: Torture): Promise<string> {
  const root = resolve(import.meta.dirname, '../..')
  const words = ['--no-warnings', '--test', '--test-concurrency=1', '--test-reporter=dot']
  const files = ['tests/security/faults.test.ts', 'tests/security/disk-faults.test.ts']
  for (let round = 0; round < count; round++) {
    const child = spawn(process.execPath, [...words, ...files], {
      cwd: root,
      env: { ...process.env, FUZZ_SEED: String(seed + round) },
      stdio: 'inherit',
    })
    const [status] = await once(child, 'close')
    if (status !== 0) throw new Error(`faults: lost something with seed ${seed + round}`)
    say(`${round + 1} of ${count}: nothing lost with seed ${seed + round}`)
  }
  return `${count} rounds, nothing acknowledged was lost`
}
