import { spawn } from 'node:child_process'
import module, { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The oldest Node that runs the program: its own TypeScript, argon2, node:sqlite without a warning. */
const LEAST = [24, 15]

/**
 * Calls `run` in this process, or, where this Node is too old, runs `program` (the URL of the file that calls) anew in
 * the one that was installed with it: so whatever `program` sets up holds in either. `flags`: what Node is to be started
 * with; where it was not, this process begins anew with them.
 */
export async function runWithNode(program, run, flags = []) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const cache = process.env.NODE_COMPILE_CACHE ?? cacheFolder()
  const anew = [...flags, fileURLToPath(program), ...process.argv.slice(2)]
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) {
    const { execArgv, execPath, env } = process
    // The line to who forked it would be cut.
    if (process.channel === undefined && flags.some((flag) => !execArgv.includes(flag)))
      process.execve(execPath, [execPath, ...execArgv, ...anew], env)
    module.enableCompileCache(cache)
    return run()
  }

  const node = ownNode()
  if (node === undefined) {
    console.error(
      `miniftp needs Node ${LEAST.join('.')} or later, this is ${process.versions.node}: install a newer one, or run npm ci`,
    )
    process.exit(1)
  }
  const child = spawn(node, anew, {
    stdio: 'inherit',
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** What Node made of our files the last time; without it each start strips and compiles them anew, half a second. */
function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'miniftp')
}

function ownNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-linux-${process.arch}/bin/node`)
  } catch {
    return undefined
  }
}
