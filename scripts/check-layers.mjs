// Holds the walls of ARCHITECTURE.md section 3: which room may import which, which npm package is whose,
// and who may touch the process. Types are stripped first, so an `import type` is told from an import of values.
//
//   node scripts/check-layers.mjs [ROOT]     exit 1 and one line for each violation
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { init, parse } from 'es-module-lexer'

/** For each room: the rooms whose values it may import, those of which it may know the types, its npm packages. */
export const ROOMS = {
  base: { npm: ['pino', 'sonic-boom'] },
  wire: { values: ['base'], types: ['vfs'] },
  store: { values: ['base'], types: ['quota', 'accounts', 'vfs'], npm: ['keyv', '@keyv/sqlite'] },
  quota: { values: ['base'], types: ['store'] },
  vfs: { values: ['base'], types: ['quota', 'accounts'] },
  accounts: { values: ['base'], types: ['store', 'quota'], npm: ['otpauth'] },
  transfer: { values: ['base'], types: ['vfs'] },
  commands: { values: ['base', 'transfer'], types: ['vfs'], npm: ['string-width'] },
  ssh: { values: ['base'], types: ['accounts'], npm: ['ssh2'] },
  sftpd: { values: ['base', 'wire', 'transfer'], types: ['vfs', 'ssh', 'accounts'] },
  shell: {
    values: ['base', 'transfer', 'commands', 'zmodem', 'ssh'],
    types: ['vfs', 'accounts'],
    npm: ['string-width'],
  },
  scp: { values: ['base', 'commands', 'transfer'], types: ['vfs', 'ssh', 'accounts'] },
  zmodem: { values: ['base', 'transfer'], types: ['vfs', 'ssh'] },
  admin: {
    values: ['base', 'accounts', 'commands', 'ssh'],
    types: ['quota', 'transfer', 'vfs'],
    npm: ['enquirer', 'string-width', 'uqr'],
  },
  client: {
    values: ['base', 'wire', 'vfs', 'transfer', 'commands', 'ssh'],
    npm: ['ssh2-sftp-client', 'progress', 'string-width'],
  },
}

/** Files directly in src/: they put the rooms together. */
const ROOF = { values: Object.keys(ROOMS).filter((room) => room !== 'client'), npm: ['smol-toml', 'zod'] }

/** Who may read the process, its streams and its signals; who may read the clock. */
const MAY_TOUCH_PROCESS = /^src\/(main|console|config|member|client\/main)\.ts$/
const MAY_READ_CLOCK = /^src\/(main|base\/clock)\.ts$/
const PROCESS =
  /\bprocess\s*\.\s*(env|argv|exit|exitCode|on|once|stdin|stdout|stderr|cwd|chdir|umask)\b|\bconsole\s*\./
const NAMED_PROCESS = /^(node:)?(process|console)$/
const CLOCK = /\bDate\s*\.\s*now\s*\(|\bnew\s+Date\s*\(\s*\)/
/** Text becomes a virtual path here and nowhere else: whoever may know the types of `vfs` may call it. */
const FOR_ALL_WHO_KNOW_TYPES = new Set(['src/vfs/path.ts'])
/** `wire` is pure: of Node it gets nothing that does input or output. */
const WIRE_MAY_USE = /^node:(buffer|util)$/

const SKIPPED = new Set(['node_modules', 'dist', '.git', 'var', 'hostkeys'])
const SOURCE = /\.(ts|mts|mjs|js)$/

/** @returns {Promise<string[]>} one sentence for each violation under `root` */
export async function violations(root) {
  await init
  return [...sources(root).flatMap((file) => check(root, file)), ...untold(root)]
}

/** Rows of the table that ARCHITECTURE.md does not show as they are here. */
function untold(root) {
  const file = join(root, 'ARCHITECTURE.md')
  if (!existsSync(file)) return []
  const lines = new Set(readFileSync(file, 'utf8').split('\n'))
  return Object.entries(ROOMS)
    .map(([room, { values = [], types = [], npm = [] }]) => {
      const rooms = [...values, ...types.map((type) => `${type} (types)`)]
      return `| ${room} | ${rooms.join(', ') || '–'} | ${npm.join(', ') || '–'} |`
    })
    .filter((row) => !lines.has(row))
    .map((row) => `ARCHITECTURE.md: section 3 lacks the row ${row}`)
}

function sources(root) {
  return ['src', 'tests', 'bench', 'scripts', 'examples', 'bin']
    .map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap(walk)
    .map((path) => relative(root, path).split(sep).join('/'))
    .sort()
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return walk(path)
    return SOURCE.test(entry.name) ? [path] : []
  })
}

function check(root, file) {
  const text = readFileSync(join(root, file), 'utf8')
  const code = /\.m?ts$/.test(file) ? stripTypeScriptTypes(text) : text
  const place = placeOf(file)
  const found = [
    ...importsOf(code, file, false).map((specifier) => ({ specifier, kind: 'values' })),
    ...requires(code).map((specifier) => ({ specifier, kind: 'values' })),
    ...importsOf(text, file, true).map((specifier) => ({ specifier, kind: 'types' })),
  ].flatMap((one) => checkImport(root, file, place, one))
  if (!place) return found
  const bare = withoutText(code)
  if (PROCESS.test(bare) && !MAY_TOUCH_PROCESS.test(file)) {
    found.push(`${file}: touches the process (${PROCESS.exec(bare)[0]}); take it as a parameter`)
  }
  if (CLOCK.test(bare) && !MAY_READ_CLOCK.test(file)) {
    found.push(`${file}: reads the time itself (${CLOCK.exec(bare)[0]}); take a Clock as a parameter`)
  }
  return found
}

/** The room of a file of src, the roof for files directly in it, undefined outside. */
function placeOf(file) {
  const [top, room, rest] = file.split('/')
  if (top !== 'src') return undefined
  if (rest === undefined) return { name: room, rules: ROOF }
  return { name: room, rules: ROOMS[room] ?? null }
}

function checkImport(root, file, place, { specifier, kind }) {
  if (specifier === undefined)
    return place ? [`${file}: imports something that is only known when it runs`] : []
  if (specifier.startsWith('.')) return checkRelative(root, file, place, specifier, kind)
  if (!place) return []
  if (place.rules === null)
    return [`${file}: the room "${place.name}" has no rules in scripts/check-layers.mjs`]
  if (specifier.startsWith('node:')) {
    if (kind === 'values' && place.name === 'wire' && !WIRE_MAY_USE.test(specifier)) {
      return [`${file}: wire does no input or output, so it may not import ${specifier}`]
    }
    if (NAMED_PROCESS.test(specifier) && !MAY_TOUCH_PROCESS.test(file)) {
      return [`${file}: touches the process (${specifier}); take it as a parameter`]
    }
    return []
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if ((place.rules.npm ?? []).includes(name)) return []
  return [`${file}: the npm package "${name}" is not for ${place.name}`]
}

function checkRelative(root, file, place, specifier, kind) {
  const target = relative(root, resolve(root, dirname(file), specifier))
    .split(sep)
    .join('/')
  if (target === 'src/main.ts' && !file.startsWith('bin/')) return [`${file}: nobody imports main.ts`]
  if (!place) return []
  if (!target.startsWith('src/')) return [`${file}: imports ${target}, which is not part of the program`]
  if (place.rules === null)
    return [`${file}: the room "${place.name}" has no rules in scripts/check-layers.mjs`]
  const [, room, rest] = target.split('/')
  if (rest === undefined) {
    if (place.rules === ROOF || kind === 'types') return []
    return [`${file}: imports ${target}, which is above it`]
  }
  if (room === place.name) return []
  const { values = [], types = [] } = place.rules
  if (
    values.includes(room) ||
    ((kind === 'types' || FOR_ALL_WHO_KNOW_TYPES.has(target)) && types.includes(room))
  )
    return []
  return [
    types.includes(room)
      ? `${file}: ${place.name} may know the types of ${room}, not its values (${specifier})`
      : `${file}: ${place.name} may not import ${room} (${specifier})`,
  ]
}

/** Specifiers of static and dynamic imports and of `export … from`; undefined for one that is computed. */
function importsOf(code, file, typeOnly) {
  return parse(code, file)[0]
    .filter(
      (one) => one.type !== 'import-meta' && (one.typeOnly || one.probablyTypeOnly || false) === typeOnly,
    )
    .map((one) => one.specifier)
}

/** `require` made by createRequire: the lexer does not know it. */
function requires(code) {
  return [...withoutComments(code).matchAll(/\brequire\w*(?:\.resolve)?\(\s*(['"])(.+?)\1/g)].map(
    (match) => match[2],
  )
}

const PIECE = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g

function withoutComments(code) {
  return code.replace(PIECE, (piece) => (piece.startsWith('/') ? ' ' : piece))
}

function withoutText(code) {
  return code.replace(PIECE, ' ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await violations(
    resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..')),
  )
  for (const line of found) console.error(`check-layers: ${line}`)
  if (found.length > 0) process.exitCode = 1
}
