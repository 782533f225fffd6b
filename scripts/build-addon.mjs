// Builds the native addons for the Node that runs this program: ssh2's crypto (platform: 2 x the AES-GCM rate), and our own
// calls of the disk (native/). Dependency scripts are denied, because npm would build for the system's Node and not for ours.
// Does nothing when an addon for this ABI is there: `npx` runs it too, and must not rebuild under a running server.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const abi = `${process.platform}-${process.arch}-${process.versions.modules}`

const crypto = cryptoFolder()
if (crypto !== undefined)
  build({
    what: "ssh2's native crypto",
    without: 'everything works without it, at about half the speed.',
    folder: crypto,
    addon: 'sshcrypto.node',
    // Counted up when it is to be built in another way: then it is built again.
    recipe: 'recipe 2',
    args: [`--real_openssl_major=${process.versions.openssl.split('.')[0]}`],
    flags: `-include "${here('object-wrap.h')}"`,
  })
if (process.platform === 'linux')
  build({
    what: 'the addon in native/',
    without: 'everything works without it; listings and small files take more of the processor.',
    folder: here('../native'),
    addon: 'disk.node',
    recipe: sourceOf(['disk.c', 'binding.gyp']),
    args: [],
  })

function cryptoFolder() {
  try {
    return join(dirname(require.resolve('ssh2/package.json')), 'lib/protocol/crypto')
  } catch {
    return undefined
  }
}

/** Changes whenever what it is built of does. */
function sourceOf(names) {
  const hash = createHash('sha256')
  for (const name of names) hash.update(readFileSync(here(`../native/${name}`)))
  return hash.digest('hex').slice(0, 16)
}

function build({ what, without, folder, addon: name, recipe, args, flags }) {
  const addon = join(folder, 'build/Release', name)
  const stamp = join(folder, 'build/abi')
  const built = `${abi} ${recipe}`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === built && loads(addon)) return

  const tell = (reason) => {
    console.warn(`miniftp: ${what} was not built (${reason}).`)
    console.warn(`miniftp: ${without}`)
    console.warn(
      'miniftp: install a compiler (Debian: apt-get install python3 make g++), then: npm run prepare',
    )
  }
  const gyp = process.env.npm_config_node_gyp
  if (!gyp) return tell('run it through npm: npm run prepare')
  // node-gyp takes npm's settings before its arguments: a nodedir in ~/.npmrc would give the headers of another Node.
  const { npm_config_nodedir: _, ...env } = process.env
  if (flags !== undefined) env.CXXFLAGS = `${env.CXXFLAGS ?? ''} ${flags}`
  const run = withHeaders((where) =>
    spawnSync(process.execPath, [gyp, 'rebuild', ...args, where], { cwd: folder, encoding: 'utf8', env }),
  )
  if (run.status === 0 && loads(addon)) return writeFileSync(stamp, built)
  const reason = `${run.stderr ?? ''}`
    .split('\n')
    .find((line) => /ERR! (stack|not found|find)|error:/.test(line))
  tell(reason?.replace(/^.*ERR!\s*(stack)?\s*/, '') ?? 'node-gyp failed, or built it for another Node')
}

/** Those that came with our Node, or what to fetch. A path with a space is taken apart in gyp's makefiles: it gets another name meanwhile. */
function withHeaders(work) {
  const headers = dirname(dirname(process.execPath))
  if (!existsSync(join(headers, 'include/node/node.h'))) return work(`--target=${process.version}`)
  if (!/\s/.test(headers)) return work(`--nodedir=${headers}`)
  const folder = mkdtempSync(join(tmpdir(), 'miniftp-headers-'))
  try {
    symlinkSync(headers, join(folder, 'node'))
    return work(`--nodedir=${join(folder, 'node')}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** An addon built with other headers is there, and falls back to JavaScript without a word. */
function loads(addon) {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addon]).status === 0
}
