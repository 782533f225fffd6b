import { systemClock } from '../base/clock.ts'
import { type LocalFileSystem, openLocal } from '../vfs/local.ts'
import { openPaces } from '../vfs/pace.ts'

/** ms of slow calls before the disk is asked off the loop: nobody else waits for it here, and threads cost more. */
const PATIENCE_MS = 250

/** This machine's disk below `folder` (a real path). */
export function openDisk(folder: string): LocalFileSystem {
  return openLocal(folder, Number.POSITIVE_INFINITY, openPaces(systemClock, PATIENCE_MS))
}
