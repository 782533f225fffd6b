import { readdirSync, readlinkSync } from 'node:fs'

/** Those of this process that are open on the folder, or on what is below it: others come and go with its threads. */
export function descriptorsIn(folder: string): readonly number[] {
  const leadsThere = (name: string): boolean => {
    try {
      return `${readlinkSync(`/proc/self/fd/${name}`)}/`.startsWith(`${folder}/`)
    } catch {
      // The one of this listing is gone.
      return false
    }
  }
  return readdirSync('/proc/self/fd').filter(leadsThere).map(Number)
}
