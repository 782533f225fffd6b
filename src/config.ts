import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { OpError } from './base/error.ts'
import { optionFault } from './base/option-fault.ts'
import { nearest } from './base/units.ts'
import { describeSettings, SETTINGS, type Settings, schema } from './settings.ts'

export interface CommandLine {
  readonly settings: Settings
  readonly quiet: boolean
  /** Seed the known accounts into an empty store. */
  readonly demo: boolean
  /** What to print instead of serving. */
  readonly print: readonly ('help' | 'version' | 'print-config' | 'check')[]
}

/** Flags beside the settings. */
const SWITCHES = ['quiet', 'no-demo', 'check', 'print-config', 'help', 'version'] as const
/** What neither the file nor a variable can say. */
const FLAGS_ALONE: ReadonlySet<string> = new Set([...SWITCHES, 'config'])
/** Variables with our prefix that are not settings. */
const NOT_SETTINGS = new Set(['MINIFTP_PASSWORD', 'MINIFTP_ADMIN_PASSWORD', 'MINIFTP_CONFIG'])

/** A setting as it was written, and where, as a person would say it. */
type Found = Map<string, { readonly value: unknown; readonly where: string }>

/** defaults < miniftp.toml (or MINIFTP_CONFIG, --config) < MINIFTP_* < flags, frozen. EUSAGE says where, and the nearest name for one that is unknown. */
export function loadConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const flags = parseFlags(argv)
  const found: Found = fromFile(flags.config ?? env.MINIFTP_CONFIG)
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('MINIFTP_') || NOT_SETTINGS.has(variable) || value === undefined) continue
    const name = variable.slice('MINIFTP_'.length).toLowerCase().replaceAll('_', '-')
    found.set(settingCalled(name, variable, variableOf), { value, where: variable })
  }
  for (const name of Object.keys(SETTINGS)) {
    if (flags[name] !== undefined) found.set(name, { value: flags[name], where: `--${name}` })
  }
  return {
    settings: settingsOf(found),
    quiet: flags.quiet === true,
    demo: flags['no-demo'] !== true,
    print: (['help', 'version', 'print-config', 'check'] as const).filter((name) => flags[name] === true),
  }
}

/** What `miniftpd --help` says. */
export function usage(): string {
  return `miniftpd [serve] [flags]     serve, until SIGTERM
miniftpd WORDS               speak to the running server, or to its database: miniftpd help

Flags, with their defaults. Each is also a line of miniftp.toml and a variable: --login-grace 20s,
login-grace = "20s", MINIFTP_LOGIN_GRACE=20s. The later one wins: file, variable, flag.
${describeSettings()}

  --config FILE             instead of miniftp.toml; also MINIFTP_CONFIG
  --no-demo                 no accounts at first start; MINIFTP_ADMIN_PASSWORD: an admin with it
  --quiet                   no line for logins, transfers and refusals
  --check, --print-config   say whether the settings are good, and what they are
  --version

SIGTERM ends it when running transfers are over. SIGHUP reads the settings again.`
}

function settingsOf(found: Found): Settings {
  const values = [...found].map(([name, { value }]) => [
    name,
    name === 'default-quota' && value === 'none' ? null : value,
  ])
  const result = schema.safeParse(Object.fromEntries(values))
  if (result.success) return Object.freeze(result.data)
  const [issue] = result.error.issues
  const name = String(issue?.path[0])
  throw new OpError('EUSAGE', `${found.get(name)?.where ?? name}: ${issue?.message}`)
}

function parseFlags(argv: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    config: { type: 'string' },
  }
  for (const name of Object.keys(SETTINGS)) options[name] = { type: 'string' }
  for (const name of SWITCHES) options[name] = { type: 'boolean' }
  options.help = { type: 'boolean', short: 'h' }
  for (const word of argv) {
    const name = /^--([a-z-]+)/.exec(word)?.[1]
    if (name !== undefined && !Object.hasOwn(options, name))
      throw unknown(`--${name}`, name, Object.keys(options), (near) => `--${near}`)
  }
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false, strict: true }).values as Record<
      string,
      string | boolean
    >
  } catch (cause) {
    const why = optionFault(cause, Object.keys(options))
    throw new OpError('EUSAGE', `${why}: miniftpd --help shows the flags`, { cause })
  }
}

function fromFile(named: string | boolean | undefined): Found {
  const file = typeof named === 'string' ? named : 'miniftp.toml'
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (named === undefined && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return new Map()
    }
    throw new OpError(
      'EUSAGE',
      `The settings file "${file}" cannot be read: look whether it is there, and yours`,
      {
        cause,
      },
    )
  }
  const where = (name: string): string => `"${name}" in ${file}`
  return new Map(
    Object.entries(tableIn(text, file)).map(([name, value]) => [
      settingCalled(name, where(name), (near) => `"${near}"`),
      { value, where: where(name) },
    ]),
  )
}

function tableIn(text: string, file: string): Record<string, unknown> {
  try {
    return parseToml(text)
  } catch (cause) {
    const at = cause instanceof Error && 'line' in cause ? ` at line ${cause.line}` : ''
    const why =
      cause instanceof Error ? cause.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '') : ''
    throw new OpError('EUSAGE', `"${file}" is not TOML${at}: ${why}`, { cause })
  }
}

/** `name` if there is such a setting. EUSAGE says where the other one is, and how the nearest would be written there. */
function settingCalled(name: string, where: string, write: (name: string) => string): string {
  if (Object.hasOwn(SETTINGS, name)) return name
  if (FLAGS_ALONE.has(name))
    throw new OpError('EUSAGE', `${where} is no setting, but a flag: write --${name} after miniftpd`)
  throw unknown(where, name, Object.keys(SETTINGS), write)
}

function unknown(
  where: string,
  name: string,
  known: readonly string[],
  write: (name: string) => string,
): OpError {
  const near = nearest(name, known)
  return new OpError('EUSAGE', `Unknown setting ${where}${near ? `, did you mean ${write(near)}?` : ''}`)
}

function variableOf(name: string): string {
  return `MINIFTP_${name.toUpperCase().replaceAll('-', '_')}`
}
