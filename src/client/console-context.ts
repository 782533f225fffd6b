import type { CommandContext } from '../commands/command.ts'
import type { Digests } from '../transfer/digest.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'

/** Where commands write, and how wide it is. */
export interface Screen {
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  /** Undefined without a terminal. */
  readonly columns: () => number | undefined
  readonly colours: boolean
}

/** Where one is on a side, from word to word. */
export interface Place {
  cwd: VirtualPath
  /** What `cd -` goes back to. */
  before?: VirtualPath | undefined
}

/** What a command of one side is given; it goes on at `place`, and leaves there where it went. */
export function contextOver(
  screen: Screen,
  { vfs, place, hash }: { readonly vfs: VirtualFileSystem; readonly place: Place; readonly hash: Digests },
  account: string,
  signal: AbortSignal,
): CommandContext {
  return {
    account,
    vfs,
    get cwd() {
      return place.cwd
    },
    set cwd(path) {
      place.cwd = path
    },
    get before() {
      return place.before
    },
    set before(path) {
      place.before = path
    },
    hash,
    input: nothing(),
    write: screen.write,
    print: async (line) => screen.print(line),
    complain: async (line) => screen.complain(line),
    get columns() {
      return screen.columns()
    },
    colours: screen.colours,
    signal,
    log() {},
    over: false,
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
