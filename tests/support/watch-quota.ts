import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestServer } from './start-server.ts'

/**
 * A second process looks at the account while `work` goes on: never above its limit, never below nothing. `lent`:
 * bytes that may lie on the disk on top, while an overwrite is put in the place of the old file.
 */
export async function watchQuota<T>(
  { var: folder }: Pick<TestServer, 'var'>,
  account: string,
  work: () => Promise<T>,
  lent = 0,
): Promise<T> {
  const watcher = fork(join(import.meta.dirname, 'quota-watcher.ts'), [folder, account, String(lent)], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(watcher, 'exit')
  try {
    await Promise.race([once(watcher, 'message'), ended.then(() => assert.fail('The watcher has ended'))])
    const result = await work()
    const told = once(watcher, 'message')
    watcher.send('stop')
    const [{ looks, wrong }] = (await told) as [{ looks: number; wrong: readonly string[] }]
    assert.deepEqual(wrong, [])
    assert.ok(looks > 1, `${looks} looks`)
    return result
  } finally {
    if (watcher.exitCode === null) watcher.kill('SIGKILL')
    await ended
  }
}
