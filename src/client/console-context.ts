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

/** What a command of one side is given; `cwd` stays with whoever keeps the context. */
export function contextOver(
  screen: Screen,
  side: { readonly vfs: VirtualFileSystem; readonly cwd: VirtualPath; readonly hash: Digests },
  account: string,
  signal: AbortSignal,
): CommandContext {
  return {
    account,
    vfs: side.vfs,
    cwd: side.cwd,
    hash: side.hash,
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
