import type { Entry, Stat } from '../vfs/vfs.ts'
import { FileType } from './constants.ts'

/** Who an owner is, as `ls -l` writes it; a byte string without spaces. */
export interface Owners {
  user(uid: number): string
  group(gid: number): string
}

/**
 * Writes the `ls -l` lines of entries, laid out as OpenSSH's server does: WinSCP and FileZilla read kind, rights and
 * owner out of them. `now`: ms since 1970; what is older than half a year shows its year instead of the time.
 */
export function longnames(owners: Owners, now: number): (entry: Entry) => string {
  // What files of a folder mostly share is put into words once.
  let last: Pick<Stat, 'mode' | 'nlink' | 'uid' | 'gid'> = { mode: -1, nlink: -1, uid: -1, gid: -1 }
  let lead = ''
  let second = Number.NaN
  let date = ''
  return ({ name, stat }) => {
    const { mode, nlink, uid, gid, size, mtime } = stat
    if (mode !== last.mode || nlink !== last.nlink || uid !== last.uid || gid !== last.gid) {
      last = stat
      lead = leadText(stat, owners)
    }
    if (mtime !== second) {
      second = mtime
      date = dateText(mtime, now)
    }
    return `${lead} ${String(size).padStart(8)} ${date} ${name}`
  }
}

function leadText({ mode, nlink, uid, gid }: Stat, owners: Owners): string {
  const user = owners.user(uid).padEnd(8)
  const group = owners.group(gid).padEnd(8)
  return `${modeText(mode)} ${String(nlink).padStart(3)} ${user} ${group}`
}

/** The permission bits of all 512 modes. */
const RIGHTS: readonly string[] = Array.from({ length: 512 }, (_, mode) =>
  [...'rwxrwxrwx'].map((letter, i) => (mode & (0o400 >> i) ? letter : '-')).join(''),
)

const KINDS: Readonly<Record<number, string>> = {
  [FileType.directory]: 'd',
  [FileType.symlink]: 'l',
  [FileType.socket]: 's',
  [FileType.block]: 'b',
  [FileType.character]: 'c',
  [FileType.fifo]: 'p',
}

function modeText(mode: number): string {
  const kind = KINDS[mode & FileType.mask] ?? '-'
  const rights = RIGHTS[mode & 0o777]!
  return mode & 0o7000 ? kind + withSpecialBits(rights, mode) : kind + rights
}

function withSpecialBits(rights: string, mode: number): string {
  const letters = [...rights]
  const mark = (bit: number, at: number, letter: string): void => {
    if (mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase()
  }
  mark(0o4000, 2, 's')
  mark(0o2000, 5, 's')
  mark(0o1000, 8, 't')
  return letters.join('')
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** The last second that a Date can tell. */
const LAST = 8.64e12
const HALF_A_YEAR = 365 * 12 * 60 * 60

/** Dates already written, by second: the files of a folder often share them. */
const written = new Map<number, string>()
const MOST_WRITTEN = 4096

/** As `date '+%b %e %H:%M'`, or with the year: what clients' parsers know. In the server's time zone. */
function dateText(seconds: number, now: number): string {
  const age = now / 1000 - seconds
  const recent = age >= -60 && age < HALF_A_YEAR
  const key = recent ? seconds : -1 - seconds
  const known = written.get(key)
  if (known !== undefined) return known
  const date = new Date(Math.max(-LAST, Math.min(LAST, seconds)) * 1000)
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)}`
  const rest = recent
    ? `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`
    : String(date.getFullYear()).padStart(5)
  const text = `${day} ${rest}`
  if (written.size >= MOST_WRITTEN) written.clear()
  written.set(key, text)
  return text
}
