import { isOpError } from '../../src/base/error.ts'
import type { CommandContext } from '../../src/commands/command.ts'
import { sentenceOf, statusOfError } from '../../src/commands/failed.ts'
import { languageOf } from '../../src/commands/language.ts'
import { COMMANDS } from '../../src/commands/table.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import { TinyVfs } from './tiny-vfs.ts'

/** Folders and files in memory: a name that ends in a slash is a folder. */
export function treeOf(...names: readonly string[]): TinyVfs {
  const vfs = new TinyVfs()
  for (const name of names) {
    if (name.endsWith('/')) vfs.mkdir(virtualPath(name))
    else vfs.put(virtualPath(name), name)
  }
  return vfs
}

/** Runs a line of the command language over `vfs` as exec does: what it printed, what it complained of, its status. */
export async function runWords(
  line: string,
  vfs: TinyVfs,
  parts: Partial<CommandContext> = {},
): Promise<{ readonly out: string; readonly said: string; readonly status: number; readonly cwd: string }> {
  let out = ''
  let said = ''
  const context: CommandContext = {
    account: 'ada',
    vfs,
    cwd: virtualPath('/'),
    hash: {
      of: async () => new Uint8Array(16),
      async [Symbol.asyncDispose]() {},
    },
    input: (async function* () {})(),
    async write(bytes) {
      out += Buffer.from(bytes).toString()
    },
    async print(text) {
      out += `${text}\n`
    },
    async complain(text) {
      said += `${text}\n`
    },
    columns: undefined,
    colours: false,
    signal: new AbortController().signal,
    log() {},
    over: false,
    ...parts,
  }
  try {
    await languageOf(COMMANDS).run(line, context)
    return { out, said, status: 0, cwd: context.cwd }
  } catch (error) {
    if (!isOpError(error)) throw error
    return { out, said: `${said}${sentenceOf(error)}\n`, status: statusOfError(error), cwd: context.cwd }
  }
}
