import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { checkName } from './rules.ts'

/** Homes of accounts on the disk. */
export interface Homes {
  make(name: string): Promise<void>
  /** Moves it out of the way; says where to. */
  retire(name: string): Promise<string | undefined>
  /** Undoes that. */
  bringBack(name: string, kept: string): Promise<void>
  /** What uploads have left out of sight: another of its name must not find it. */
  forget(name: string): Promise<void>
}

/** `VAR/home/NAME`; those of deleted accounts in `VAR/removed/NAME-TIME`. */
export function homesIn(folder: string, clock: Clock): Omit<Homes, 'forget'> {
  return {
    async make(name) {
      await mkdir(join(folder, 'home', checkName(name)), { recursive: true, mode: 0o700 })
    },
    async retire(name) {
      const stamp = new Date(clock.now()).toISOString().replace(/[:.]/g, '-')
      const kept = join('removed', `${checkName(name)}-${stamp}`)
      await mkdir(join(folder, 'removed'), { recursive: true, mode: 0o700 })
      try {
        await rename(join(folder, 'home', name), join(folder, kept))
        return kept
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
        throw error
      }
    },
    bringBack: (name, kept) => rename(join(folder, kept), join(folder, 'home', checkName(name))),
  }
}
