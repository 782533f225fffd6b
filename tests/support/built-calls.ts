import assert from 'node:assert/strict'
import { type DiskCalls, diskCalls } from '../../src/vfs/disk-calls.ts'

/** The addon's calls: where the tests run it is built. */
export function builtCalls(): DiskCalls {
  const { calls, why } = diskCalls()
  assert.ok(calls !== undefined, why)
  return calls
}
