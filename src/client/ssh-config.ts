import { homedir } from 'node:os'
import { join } from 'node:path'
import { OpError } from '../base/error.ts'
import { wildcard } from './known-hosts.ts'

/** Keywords that are acted on; the others of ssh_config(5) have no effect here. */
const SERVED: ReadonlySet<string> = new Set(
  [
    'BatchMode ConnectTimeout GlobalKnownHostsFile HashKnownHosts HostKeyAlias HostName IdentitiesOnly IdentityAgent',
    'IdentityFile Port ProxyCommand ProxyJump StrictHostKeyChecking User UserKnownHostsFile',
  ].flatMap((line) => line.toLowerCase().split(' ')),
)

/** What `~/.ssh/config` says of a host (ssh_config(5)); the first value of a keyword counts. Names in lower case. */
export interface HostSettings {
  get(keyword: string): string | undefined
  all(keyword: string): readonly string[]
  /** The words of the first value, for what takes several. */
  words(keyword: string): readonly string[] | undefined
}

/** A line of a config: its keyword in lower case, the words behind it, and what the files hold that an Include names. */
export interface ConfigLine {
  readonly keyword: string
  readonly words: readonly string[]
  readonly included?: readonly (readonly ConfigLine[])[]
}

/** Who connects where, as Match asks for it. */
export interface Asked {
  /** As it was written, not yet its HostName. */
  readonly host: string
  /** The name at the server, where it was said. */
  readonly user?: string | undefined
  /** Who runs this. */
  readonly localUser?: string | undefined
}

/**
 * `lines` as in ssh_config(5): Host and Match blocks, of which the first value counts. `options`, as after -o, come first. A Match
 * by what is not served here (exec, final, tagged …) does not apply; `passedOver` is told of one whose settings would count.
 */
export function settingsFor(
  asked: Asked,
  lines: readonly ConfigLine[],
  options: readonly string[] = [],
  passedOver: (criterion: string) => void = () => {},
): HostSettings {
  const found = new Map<string, (readonly string[])[]>()
  const put = ({ keyword, words }: ConfigLine): void => {
    const values = found.get(keyword)
    if (values) values.push(words)
    else found.set(keyword, [words])
  }
  const first = (keyword: string): string | undefined => found.get(keyword)?.[0]?.join(' ')

  function take(block: readonly ConfigLine[], outer: boolean): void {
    let applies = outer
    let unknown: string | undefined
    for (const line of block) {
      const { keyword, words, included = [] } = line
      if (keyword === 'host' || keyword === 'match') {
        const found = keyword === 'host' ? fits(words, asked.host) : matches(words, asked, first)
        applies = outer && found === true
        unknown = outer && typeof found === 'string' ? found : undefined
      } else if (unknown !== undefined) {
        if (SERVED.has(keyword) || keyword === 'include') {
          passedOver(unknown)
          unknown = undefined
        }
      } else if (keyword === 'include') for (const inner of included) take(inner, applies)
      else if (applies) put(line)
    }
  }

  for (const option of options) {
    const line = parseLine(option)
    if (line === undefined) throw new OpError('EUSAGE', `-o takes NAME=VALUE, not "${option}"`)
    put(line)
  }
  take(lines, true)
  return {
    get: (keyword) => first(keyword.toLowerCase()),
    all: (keyword) => (found.get(keyword.toLowerCase()) ?? []).map((words) => words.join(' ')),
    words: (keyword) => found.get(keyword.toLowerCase())?.[0],
  }
}

/** What of the options (as after -o) has no effect here. */
export function unserved(options: readonly string[] = []): readonly string[] {
  return options.filter((option) => {
    const line = parseLine(option)
    return line !== undefined && !SERVED.has(line.keyword)
  })
}

/** `~` and the tokens %d %h %p %r %u %% of file names (ssh_config(5), TOKENS). */
export function expandFile(
  name: string,
  tokens: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly localUser?: string
  },
  home = homedir(),
): string {
  const values: Readonly<Record<string, string | undefined>> = {
    d: home,
    h: tokens.host,
    p: String(tokens.port),
    r: tokens.user,
    u: tokens.localUser,
    '%': '%',
  }
  const text = name.replace(/%([dhpru%])/g, (whole, token: string) => values[token] ?? whole)
  return text === '~' || text.startsWith('~/') ? join(home, text.slice(1)) : text
}

/** The lines of a config's text; what an Include names is not read yet. */
export function parseConfig(text: string): readonly ConfigLine[] {
  return text.split('\n').flatMap((raw) => parseLine(raw) ?? [])
}

/** `Keyword value`, `Keyword=value`; undefined for comments and blank lines. */
function parseLine(raw: string): ConfigLine | undefined {
  const match = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(raw)
  if (!match) return undefined
  const words = wordsOf(match[2]!)
  return words.length === 0 ? undefined : { keyword: match[1]!.toLowerCase(), words }
}

/** Single and double quotes hold a word together, a backslash takes quotes and blanks as they are; a word that begins with # begins a comment. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = []
  for (let at = 0; at < text.length; ) {
    if (BLANK.test(text[at]!)) {
      at++
      continue
    }
    if (text[at] === '#') break
    let word = ''
    let quote = ''
    for (; at < text.length && (quote !== '' || !BLANK.test(text[at]!)); at++) {
      const letter = text[at]!
      const next = text[at + 1] ?? ''
      if (letter === '\\' && next !== '' && (`'"\\`.includes(next) || (next === ' ' && quote === ''))) {
        word += next
        at++
      } else if (quote === '' && (letter === '"' || letter === "'")) quote = letter
      else if (letter === quote) quote = ''
      else word += letter
    }
    words.push(word)
  }
  return words
}

const BLANK = /\s/

/** Of a Match line; what it asks of host and user goes by what has been found so far. A criterion that nobody here can tell is answered. */
function matches(
  words: readonly string[],
  { host, user, localUser = '' }: Asked,
  found: (keyword: string) => string | undefined,
): boolean | string {
  const values: Readonly<Record<string, () => string>> = {
    host: () => found('hostname')?.replaceAll('%h', host) ?? host,
    originalhost: () => host,
    user: () => user ?? found('user') ?? localUser,
    localuser: () => localUser,
  }
  // `host=NAME` is `host NAME`.
  const left = words.flatMap((word) => {
    const split = /^(!?[a-z]+)=(.*)$/is.exec(word)
    return split ? [split[1]!, split[2]!] : [word]
  })
  let unknown: string | undefined
  while (left.length > 0) {
    const said = left.shift()!.toLowerCase()
    const criterion = said.replace(/^!/, '')
    if (criterion === 'all' && said === 'all') continue
    // Names are not made canonical here.
    if (criterion === 'canonical') return false
    if (criterion === 'final') {
      unknown ??= criterion
      continue
    }
    const value = values[criterion]
    const patterns = left.shift()
    if (patterns === undefined) return false
    if (value === undefined) unknown ??= criterion
    else if (fits(patterns.split(','), value()) === said.startsWith('!')) return false
  }
  return unknown ?? true
}

function fits(patterns: readonly string[], text: string): boolean {
  let found = false
  for (const word of patterns) {
    const negated = word.startsWith('!')
    if (!wildcard(negated ? word.slice(1) : word).test(text)) continue
    if (negated) return false
    found = true
  }
  return found
}
