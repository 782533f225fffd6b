// Builds ssh2's native crypto addon for the Node that runs this program (platform: 2 x the AES-GCM rate).
// Dependency scripts are denied, because npm would build it for the system's Node and not for ours.
// Does nothing when an addon for this ABI is there: `npx` runs it too, and must not rebuild under a running server.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Counted up when the addon is to be built in another way: then it is built again. */
const RECIPE = 2

const require = createRequire(import.meta.url)

function packageFolder() {
  try {
    return dirname(require.resolve('ssh2/package.json'))
  } catch {
    return undefined
  }
}

const folder = packageFolder()
if (folder) build(join(folder, 'lib/protocol/crypto'))

function build(folder) {
  const addon = join(folder, 'build/Release/sshcrypto.node')
  const stamp = join(folder, 'build/abi')
  const abi = `${process.platform}-${process.arch}-${process.versions.modules} recipe ${RECIPE}`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === abi && loads(addon)) return

  const gyp = process.env.npm_config_node_gyp
  if (!gyp) return tell('run it through npm: npm run prepare')
  const headers = dirname(dirname(process.execPath))
  const args = ['rebuild', `--real_openssl_major=${process.versions.openssl.split('.')[0]}`]
  if (existsSync(join(headers, 'include/node/node.h'))) args.push(`--nodedir=${headers}`)
  else args.push(`--target=${process.version}`)
  // node-gyp takes npm's settings before its arguments: a nodedir in ~/.npmrc would give the headers of another Node.
  const { npm_config_nodedir: _, ...env } = process.env
  env.CXXFLAGS = `${env.CXXFLAGS ?? ''} -include "${fileURLToPath(new URL('object-wrap.h', import.meta.url))}"`
  const run = spawnSync(process.execPath, [gyp, ...args], { cwd: folder, encoding: 'utf8', env })
  if (run.status !== 0 || !loads(addon)) {
    const reason = `${run.stderr ?? ''}`.split('\n').find((line) => /ERR! (stack|not found|find)/.test(line))
    return tell(
      reason?.replace(/^.*ERR!\s*(stack)?\s*/, '') ?? 'node-gyp failed, or built it for another Node',
    )
  }
  writeFileSync(stamp, abi)
}

/** An addon built with other headers is there, and falls back to JavaScript without a word. */
function loads(addon) {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addon]).status === 0
}

function tell(reason) {
  console.warn(`miniftp: ssh2's native crypto was not built (${reason}).`)
  console.warn('miniftp: everything works without it, at about half the speed.')
  console.warn(
    'miniftp: install a compiler (Debian: apt-get install python3 make g++), then: npm run prepare',
  )
}
