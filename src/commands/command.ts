import type { Digests } from '../transfer/digest.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Word } from './words.ts'

/** A word of the command language. Right and quota are enforced below, in the file system. */
export interface Command {
  readonly name: string
  /** Other words for it. */
  readonly aliases?: readonly string[]
  readonly usage: string
  readonly summary: string
  /** Not listed by `help`: what programs ask for, not people. */
  readonly hidden?: boolean
  readonly options?: CommandOptions
  /** Lines for help. */
  readonly examples?: readonly string[]
  /** EUSAGE when the words are off; whatever the file system says. */
  run(call: Call): Promise<void>
}

export type CommandOptions = Readonly<Record<string, CommandOption>>

export interface CommandOption {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  /** For help: what it does, and before that what its value is called. Not in help without. */
  readonly about?: readonly [what: string] | readonly [value: string, what: string]
}

/** A command as it was typed. `args` and option values are byte strings. */
export interface Call {
  readonly args: readonly string[]
  readonly has: (option: string) => boolean
  readonly value: (option: string) => string | undefined
  /** Whether a pattern has become several of the args. */
  readonly matched: boolean
  /** The `args` as they were typed, patterns among them. */
  readonly words: readonly Word[]
  readonly command: Command
  readonly context: CommandContext
}

export interface CommandContext {
  readonly account: string
  readonly vfs: VirtualFileSystem
  cwd: VirtualPath
  /** What `cd -` goes back to. */
  before?: VirtualPath
  readonly hash: Digests
  /** What follows a `put`: everything until the peer's EOF. ECANCELED when it is lost before. */
  readonly input: AsyncIterable<Uint8Array>
  /** In a script: the next `bytes` of it, or all that is left; what follows are lines again. */
  readonly body?: (bytes: number | undefined) => AsyncIterable<Uint8Array>
  /** Bytes as they are: the content of a file. */
  write(bytes: Uint8Array): Promise<void>
  /** A line of text; what it holds from outside is escaped already. */
  print(line: string): Promise<void>
  complain(line: string): Promise<void>
  /** Columns of the terminal; undefined without one: one name a line. */
  readonly columns: number | undefined
  /** Whether the terminal has colours. */
  readonly colours: boolean
  readonly signal: AbortSignal
  /** For what goes on when the client has left behind its EOF: aborted by who takes it back. Undefined: as `signal`. */
  readonly unwanted?: AbortSignal
  /** For the server's log: a resume that was refused, for example. */
  log(event: string, fields: Readonly<Record<string, string | number>>): void
  /** At a terminal files are not moved by standard input, but by what the terminal can. */
  readonly terminal?: TerminalTransfer
  /** Where this server is reached, for what is to be typed in another terminal. */
  readonly place?: Place
  /** Set by `bye`. */
  over: boolean
}

export interface Place {
  readonly account: string
  readonly host: string
  readonly port: number
}

/** Files to and from a person's terminal. `tell` is shown when it does not answer. */
export interface TerminalTransfer {
  send(
    files: readonly { readonly name: string; readonly path: VirtualPath }[],
    tell: readonly string[],
  ): Promise<void>
  receive(
    options: { readonly cwd: VirtualPath; readonly name: string | undefined; readonly force: boolean },
    tell: readonly string[],
  ): Promise<void>
}
