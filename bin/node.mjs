import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The oldest Node that runs the program: its own TypeScript, argon2, node:sqlite without a warning. */
const LEAST = [24, 15]

/** Runs `file` in this process, or, where this Node is too old, in the one that was installed with the program. */
export async function runWithNode(file) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return import(file.href)

  const node = ownNode()
  if (node === undefined) {
    console.error(
      `miniftp needs Node ${LEAST.join('.')} or later, this is ${process.versions.node}: install a newer one, or run npm ci`,
    )
    process.exit(1)
  }
  const child = spawn(node, [fileURLToPath(file), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function ownNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-linux-${process.arch}/bin/node`)
  } catch {
    return undefined
  }
}
