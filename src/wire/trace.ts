import { OpError } from '../base/error.ts'
import type { NewAttrs, OpenFlags, Stat } from '../vfs/vfs.ts'
import { Status } from './constants.ts'
import type { Reply } from './replies.ts'
import type { Request } from './requests.ts'

/**
 * Packets as lines of text, for tests and for people: `3 WRITE h1 @4 "5678"`. Handles are called h1, h2 … in the
 * order they were given, so that two runs of an exchange read the same.
 */
export class Trace {
  readonly #handles: string[] = []

  request(request: Request): string {
    if (request.type === 'init') return `INIT ${request.version}`
    return `${request.id} ${this.#requestWords(request).join(' ')}`
  }

  reply(id: number, reply: Reply): string {
    return `${id} ${this.#replyWords(reply).join(' ')}`
  }

  /** The request that a line tells of. EINVAL. */
  parse(line: string): Request {
    const words = new Words(line)
    const first = words.word()
    if (first === 'INIT') return { type: 'init', version: words.number() }
    const id = Number(first)
    const name = words.word()
    const path = PATH_REQUESTS.find((type) => type.toUpperCase() === name)
    if (path !== undefined) return { type: path, id, path: words.text() }
    const handle = HANDLE_REQUESTS.find((type) => type.toUpperCase() === name)
    if (handle !== undefined) return { type: handle, id, handle: this.#handle(words) }
    switch (name) {
      case 'OPEN':
        return { type: 'open', id, path: words.text(), flags: flagsOf(words.word()), attrs: words.attrs() }
      case 'READ':
        return {
          type: 'read',
          id,
          handle: this.#handle(words),
          offset: words.offset(),
          length: words.number(),
        }
      case 'WRITE': {
        const handle = this.#handle(words)
        const offset = words.offset()
        const data = Buffer.from(words.text(), 'latin1')
        return { type: 'write', id, handle, offset, data: [data], length: data.length }
      }
      case 'SETSTAT':
        return { type: 'setstat', id, path: words.text(), attrs: words.attrs() }
      case 'MKDIR':
        return { type: 'mkdir', id, path: words.text(), attrs: words.attrs() }
      case 'FSETSTAT':
        return { type: 'fsetstat', id, handle: this.#handle(words), attrs: words.attrs() }
      case 'RENAME':
        return { type: 'rename', id, from: words.text(), to: words.text() }
      case 'SYMLINK':
        return { type: 'symlink', id, first: words.text(), second: words.text() }
      case 'EXTENDED':
        return { type: 'extended', id, name: words.word(), body: Buffer.from(words.text(), 'latin1') }
      default:
        return { type: 'unknown', id, code: words.number() }
    }
  }

  #requestWords(request: Exclude<Request, { type: 'init' }>): string[] {
    const name = request.type.toUpperCase()
    switch (request.type) {
      case 'open':
        return [name, quoted(request.path), flagWords(request.flags), ...attrWords(request.attrs)]
      case 'read':
        return [name, this.#name(request.handle), `@${request.offset}`, String(request.length)]
      case 'write':
        return [
          name,
          this.#name(request.handle),
          `@${request.offset}`,
          quotedBytes(Buffer.concat(request.data)),
        ]
      case 'close':
      case 'fstat':
      case 'readdir':
        return [name, this.#name(request.handle)]
      case 'fsetstat':
        return [name, this.#name(request.handle), ...attrWords(request.attrs)]
      case 'setstat':
      case 'mkdir':
        return [name, quoted(request.path), ...attrWords(request.attrs)]
      case 'rename':
        return [name, quoted(request.from), quoted(request.to)]
      case 'symlink':
        return [name, quoted(request.first), quoted(request.second)]
      case 'extended':
        return [name, request.name, quotedBytes(request.body)]
      case 'unknown':
        return [name, String(request.code)]
      default:
        return [name, quoted(request.path)]
    }
  }

  #replyWords(reply: Reply): string[] {
    switch (reply.type) {
      case 'status':
        return ['STATUS', statusWord(reply.code), ...(reply.message === '' ? [] : [quoted(reply.message)])]
      case 'handle':
        return ['HANDLE', this.#name(reply.handle)]
      case 'data':
        return ['DATA', quotedBytes(reply.data)]
      case 'name':
        return ['NAME', ...reply.names.map(({ name }) => quoted(name))]
      case 'attrs':
        return ['ATTRS', ...statWords(reply.stat)]
      case 'extendedReply':
        return ['EXTENDED_REPLY', quotedBytes(reply.body)]
    }
  }

  #name(handle: string): string {
    let index = this.#handles.indexOf(handle)
    if (index === -1) index = this.#handles.push(handle) - 1
    return `h${index + 1}`
  }

  /** A handle that was given, or the word itself as one that never was. */
  #handle(words: Words): string {
    const name = words.word()
    return this.#handles[Number(name.slice(1)) - 1] ?? name
  }
}

const PATH_REQUESTS = ['lstat', 'stat', 'opendir', 'remove', 'rmdir', 'realpath', 'readlink'] as const
const HANDLE_REQUESTS = ['close', 'fstat', 'readdir'] as const
const FLAGS = ['read', 'write', 'append', 'create', 'truncate', 'exclusive'] as const

/** Takes a line apart: bare words, `"quoted"` text, and `1000*"x"` for text that is repeated. */
class Words {
  #left: string

  constructor(line: string) {
    this.#left = line
  }

  word(): string {
    return this.#take(/^\s*(\S+)/)[1]!
  }

  number(): number {
    return Number(this.word())
  }

  offset(): number {
    return Number(this.#take(/^\s*@(\d+)/)[1])
  }

  text(): string {
    const [, times = '1', inside] = this.#take(/^\s*(?:(\d+)\*)?"((?:[^"\\]|\\.)*)"/)
    return unescaped(inside!).repeat(Number(times))
  }

  attrs(): NewAttrs {
    const attrs: Record<string, number> = {}
    for (const [, name, value] of this.#left.matchAll(/(\w+)=(\d+)/g))
      attrs[name!] = name === 'mode' ? Number.parseInt(value!, 8) : Number(value)
    return attrs
  }

  #take(pattern: RegExp): RegExpExecArray {
    const match = pattern.exec(this.#left)
    if (match === null) throw new OpError('EINVAL', `Not a packet: "${this.#left}"`)
    this.#left = this.#left.slice(match[0].length)
    return match
  }
}

function quoted(bytes: string): string {
  const spelled = (character: string): string =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  return `"${bytes.replace(/[^ !#-[\]-~]/g, spelled)}"`
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex, character) =>
    hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

function quotedBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1')
  const same = text.length > 16 && text === text[0]!.repeat(text.length)
  return same ? `${text.length}*${quoted(text[0]!)}` : quoted(text)
}

function flagWords(flags: OpenFlags): string {
  return FLAGS.filter((flag) => flags[flag])
    .map((flag) => flag.toUpperCase())
    .join(',')
}

function flagsOf(word: string): OpenFlags {
  const words = word.toLowerCase().split(',')
  const flags: { -readonly [Flag in keyof OpenFlags]: OpenFlags[Flag] } = {}
  for (const flag of FLAGS) flags[flag] = words.includes(flag)
  return flags
}

function attrWords(attrs: NewAttrs): string[] {
  return Object.entries(attrs).map(([name, value]) => `${name}=${name === 'mode' ? octal(value) : value}`)
}

function statWords({ kind, size, mode, mtime }: Stat): string[] {
  return [kind, `size=${size}`, `mode=${octal(mode & 0o7777)}`, `mtime=${mtime}`]
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function statusWord(code: number): string {
  return Object.entries(Status).find(([, value]) => value === code)?.[0] ?? String(code)
}
