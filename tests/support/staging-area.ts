import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TestServer } from './start-server.ts'

/** The files of ada that are staged or kept now, on the disk. */
export function stagingArea(server: TestServer): readonly string[] {
  const folder = join(server.var, 'staging/ada')
  return existsSync(folder) ? readdirSync(folder).map((id) => join(folder, id)) : []
}

/** Whether there is one with bytes that `before` has not. */
export function isStaged(server: TestServer, before: readonly string[]): boolean {
  return stagingArea(server).some(
    (path) => !before.includes(path) && statSync(path, { throwIfNoEntry: false })?.size,
  )
}
