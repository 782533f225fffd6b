import { parseArgs } from 'node:util'
import { OpError } from '../base/error.ts'
import { optionFault } from '../base/option-fault.ts'
import { nearest, parseDuration } from '../base/units.ts'
import type { MoveWishes } from './plans.ts'
import { parsePlace, parsePort, parseTarget, type RemotePlace, type Target } from './target.ts'

export const VERBS = ['put', 'get', 'ls', 'rm', 'mkdir', 'md5'] as const
export type Verb = (typeof VERBS)[number]

/** What was asked for on the command line. */
export type Asked =
  | { readonly do: 'help' }
  | { readonly do: 'version' }
  | { readonly do: 'prompt'; readonly target: Target; readonly settings: Settings }
  | {
      readonly do: 'put'
      readonly sources: readonly string[]
      readonly place: RemotePlace
      readonly settings: Settings
    }
  | {
      readonly do: 'get'
      readonly target: Target
      readonly sources: readonly string[]
      readonly folder: string
      readonly settings: Settings
    }
  | {
      readonly do: Exclude<Verb, 'put' | 'get'>
      readonly target: Target
      readonly paths: readonly string[]
      readonly settings: Settings
    }

export interface Settings {
  readonly port: number | undefined
  readonly keys: readonly string[]
  readonly config: string | undefined
  readonly options: readonly string[]
  readonly wishes: MoveWishes
  readonly jobs: number
  readonly quiet: boolean
  readonly json: boolean
  readonly long: boolean
  readonly all: boolean
  readonly human: boolean
  readonly parents: boolean
  readonly retryMs: number
  readonly dataPath: 'fast' | 'plain'
}

const OPTIONS = {
  port: { type: 'string', short: 'P' },
  identity: { type: 'string', short: 'i', multiple: true },
  config: { type: 'string', short: 'F' },
  option: { type: 'string', short: 'o', multiple: true },
  jobs: { type: 'string', short: 'j' },
  recursive: { type: 'boolean', short: 'r' },
  preserve: { type: 'boolean', short: 'p' },
  force: { type: 'boolean', short: 'f' },
  quiet: { type: 'boolean', short: 'q' },
  long: { type: 'boolean', short: 'l' },
  all: { type: 'boolean', short: 'a' },
  restart: { type: 'boolean' },
  partial: { type: 'boolean' },
  parents: { type: 'boolean' },
  json: { type: 'boolean' },
  'trust-size': { type: 'boolean' },
  verify: { type: 'boolean' },
  'retry-for': { type: 'string' },
  'data-path': { type: 'string' },
  human: { type: 'boolean', short: 'h' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

/** Sessions that a server lets one connection have: OpenSSH's MaxSessions is 10, and commands and a prompt need some. */
export const MOST_JOBS = 7
const JOBS = 2
/** ms without a byte moved after which it gives up. */
const RETRY_MS = 5 * 60_000

export const USAGE = `miniftp [OPTIONS] [user@]host[:port]                    a prompt; help tells its words
miniftp put [OPTIONS] FILE... [user@]host:[PATH]        send files; -r: folders
miniftp get [OPTIONS] [user@]host:FILE... [FOLDER]      fetch files; -r: folders
miniftp ls|rm|mkdir|md5 [OPTIONS] [user@]host:PATH...

A place at a server may be written as sftp://user@host:port/path, too.

  -P PORT         port, where the address has none (22)
  -i KEY          private key; may be repeated
  -o NAME=VALUE   as in ssh_config(5); -F FILE instead of ~/.ssh/config
  -j N            files at once (${JOBS})
  -r              folders with all that is in them
  -p              keep times and permissions; with mkdir: make the folders above, too
  -f              replace what is there
  -l, -h, -a      with ls: rights, size and time; sizes such as 1.5 MiB; names that begin with a dot
  --restart       begin again where an earlier try left a part
  --trust-size    go on by size where the server cannot tell MD5s
  --no-verify     do not compare the MD5 of the whole
  --partial       fetch a file whose upload was not finished
  --retry-for T   connect again for so long, such as 30s or 10m (5m)
  -q              say only what went wrong
  --json          one JSON object a line, for scripts

Passwords come from the prompt, SSH_ASKPASS or MINIFTP_PASSWORD. Exit status: 0 done, 1 failed, 2 usage, 130 stopped.`

/** EUSAGE with what to write instead. */
export function parseArguments(words: readonly string[]): Asked {
  const { values, positionals } = parsed(words)
  // As everywhere -h is help, and with ls a way to write sizes.
  if (values.help || (values.human && positionals[0] !== 'ls')) return { do: 'help' }
  if (values.version) return { do: 'version' }
  const settings: Settings = {
    port: values.port === undefined ? undefined : parsePort(values.port),
    keys: values.identity ?? [],
    config: values.config,
    options: values.option ?? [],
    wishes: {
      recursive: values.recursive === true,
      preserve: values.preserve === true,
      force: values.force === true,
      restart: values.restart === true,
      trustSize: values['trust-size'] === true,
      partial: values.partial === true,
      verify: values.verify !== false,
    },
    jobs: jobsOf(values.jobs),
    quiet: values.quiet === true,
    json: values.json === true,
    long: values.long === true,
    all: values.all === true,
    human: values.human === true,
    parents: values.parents === true || values.preserve === true,
    retryMs: values['retry-for'] === undefined ? RETRY_MS : retryOf(values['retry-for']),
    dataPath: dataPathOf(values['data-path']),
  }
  const [first, ...rest] = positionals
  if (first === undefined) throw new OpError('EUSAGE', `Say where to connect\n${USAGE}`)
  if (!isVerb(first)) {
    if (rest.length > 0) {
      const near = nearest(first, VERBS)
      throw new OpError(
        'EUSAGE',
        `"${first}" is no command${near === undefined ? ': there' : `, did you mean "${near}"? There`} are ${VERBS.join(', ')}`,
      )
    }
    return { do: 'prompt', target: withPort(promptTarget(first), settings), settings }
  }
  return oneShot(first, rest, settings)
}

/** `host:` alone is what put and get would have; here it is no port. */
function promptTarget(text: string): Target {
  return parseTarget(text.endsWith(':') ? text.slice(0, -1) : text)
}

function oneShot(verb: Verb, words: readonly string[], settings: Settings): Asked {
  if (verb === 'put') {
    const place = words.length < 2 ? undefined : parsePlace(words.at(-1)!)
    if (place === undefined) throw new OpError('EUSAGE', 'Write miniftp put FILE... [user@]host:PATH')
    return {
      do: 'put',
      sources: words.slice(0, -1),
      place: { ...place, ...withPort(place, settings) },
      settings,
    }
  }
  const places = words.map(parsePlace)
  if (verb === 'get') {
    const hasFolder = places.length > 1 && places.at(-1) === undefined
    const { target, paths } = oneServer(verb, hasFolder ? places.slice(0, -1) : places, settings)
    return { do: 'get', target, sources: paths, folder: hasFolder ? words.at(-1)! : '.', settings }
  }
  return { do: verb, ...oneServer(verb, places, settings), settings }
}

/** All places lie at one server. */
function oneServer(
  verb: Verb,
  places: readonly (RemotePlace | undefined)[],
  settings: Settings,
): { target: Target; paths: readonly string[] } {
  const [first] = places
  if (first === undefined || places.some((place) => place === undefined))
    throw new OpError(
      'EUSAGE',
      `Write miniftp ${verb} [user@]host:PATH...${verb === 'get' ? ' [FOLDER]' : ''}`,
    )
  const same = (place: RemotePlace | undefined): boolean =>
    place?.host === first.host && place.user === first.user && place.port === first.port
  if (!places.every(same))
    throw new OpError('EUSAGE', 'All places must be at one server: run it once for each')
  return { target: withPort(first, settings), paths: places.map((place) => place!.path) }
}

function withPort({ user, host, port }: Target, settings: Settings): Target {
  return { user, host, port: port ?? settings.port }
}

function isVerb(word: string): word is Verb {
  return (VERBS as readonly string[]).includes(word)
}

function jobsOf(text: string | undefined): number {
  if (text === undefined) return JOBS
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (jobs < 1 || jobs > MOST_JOBS)
    throw new OpError('EUSAGE', `-j takes a number from 1 to ${MOST_JOBS}, not "${text}"`)
  return jobs
}

function retryOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (cause) {
    throw new OpError('EUSAGE', `--retry-for takes a time such as 30s or 10m, not "${text}"`, { cause })
  }
}

function dataPathOf(text: string | undefined): 'fast' | 'plain' {
  if (text === undefined || text === 'fast') return 'fast'
  if (text === 'plain') return text
  throw new OpError('EUSAGE', `--data-path takes fast or plain, not "${text}"`)
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true, allowNegative: true })
  } catch (cause) {
    const why = optionFault(cause, Object.keys(OPTIONS))
    throw new OpError('EUSAGE', `${why}; miniftp --help tells all`, { cause })
  }
}
