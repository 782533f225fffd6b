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
}

/** `text` as in ssh_config(5): Host blocks with patterns; Match blocks are passed over. `options`, as after -o, come first. */
export function settingsFor(host: string, text: string, options: readonly string[] = []): HostSettings {
  const found = new Map<string, string[]>()
  const put = (keyword: string, value: string): void => {
    const values = found.get(keyword)
    if (values) values.push(value)
    else found.set(keyword, [value])
  }
  for (const option of options) {
    const line = parseLine(option)
    if (line === undefined) throw new OpError('EUSAGE', `-o takes NAME=VALUE, not "${option}"`)
    put(...line)
  }
  let applies = true
  for (const raw of text.split('\n')) {
    const line = parseLine(raw)
    if (!line) continue
    const [keyword, value] = line
    if (keyword === 'host') applies = fits(value, host)
    else if (keyword === 'match') applies = /^all$/i.test(value)
    else if (applies) put(keyword, value)
  }
  return {
    get: (keyword) => found.get(keyword.toLowerCase())?.[0],
    all: (keyword) => found.get(keyword.toLowerCase()) ?? [],
  }
}

/** What of the options (as after -o) has no effect here. */
export function unserved(options: readonly string[] = []): readonly string[] {
  return options.filter((option) => {
    const line = parseLine(option)
    return line !== undefined && !SERVED.has(line[0])
  })
}

/** `~` and the tokens %d %h %p %r %u %% of file names (ssh_config(5), TOKENS). */
export function expandFile(
  name: string,
  tokens: { readonly host: string; readonly port: number; readonly user: string },
  home = homedir(),
): string {
  const values: Readonly<Record<string, string>> = {
    d: home,
    h: tokens.host,
    p: String(tokens.port),
    r: tokens.user,
    '%': '%',
  }
  const text = name.replace(/%([dhpr%])/g, (_, token: string) => values[token]!)
  return text === '~' || text.startsWith('~/') ? join(home, text.slice(1)) : text
}

/** `Keyword value`, `Keyword=value`, quotes around the value; undefined for comments and blank lines. */
function parseLine(raw: string): [keyword: string, value: string] | undefined {
  const match = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(raw)
  if (!match || match[2] === '') return undefined
  return [match[1]!.toLowerCase(), match[2]!.replace(/^"(.*)"$/, '$1')]
}

function fits(patterns: string, host: string): boolean {
  let found = false
  for (const word of patterns.split(/\s+/)) {
    const negated = word.startsWith('!')
    if (!wildcard(negated ? word.slice(1) : word).test(host)) continue
    if (negated) return false
    found = true
  }
  return found
}
