import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Done {
  readonly command: string
  /** The exit status; null when a signal or the time limit ended it. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as it came. */
  readonly bytes: Buffer
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly cwd?: string
  /** The whole environment; this process's own when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Seconds after which it is killed, and all that it has started; what Python waits for is said then. */
  readonly seconds?: number
  /** Kills it (SIGKILL). */
  readonly signal?: AbortSignal | undefined
}

/** Runs a program to its end. Never rejects for what the program did: look at `status`. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Done> {
  const { input, cwd, env = process.env, seconds = 90, signal } = options
  const command = [program, ...args].join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { PYTHONFAULTHANDLER: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    const kill = (): void => void child.kill('SIGKILL')
    const late = setTimeout(() => {
      err.push(Buffer.from(`\nkilled after ${seconds} s\n`))
      killAll('SIGABRT')
      setTimeout(killAll, 2_000, 'SIGKILL').unref()
    }, seconds * 1000)
    const killAll = (name: NodeJS.Signals): void => {
      try {
        process.kill(-child.pid!, name)
      } catch (error) {
        // All of them have ended.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    signal?.addEventListener('abort', kill, { once: true })
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
    // A program may end before it has read its input: its status says more than EPIPE.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.once('error', (error) => {
      clearTimeout(late)
      reject(error)
    })
    child.once('close', (status) => {
      clearTimeout(late)
      const bytes = Buffer.concat(out)
      resolve({ command, status, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() })
    })
  })
}

/** `run` for what must succeed: another status is an error that shows what was said. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Done> {
  const done = await run(program, args, options)
  if (done.status === 0) return done
  throw new Error(
    `${done.command}\nended with ${done.status}\n${done.stdout.slice(-4000)}\n${done.stderr.slice(-4000)}`,
  )
}

/**
 * Why a test must be skipped, or false: for `{ skip: without('lftp') }`. On CI, where apt can have the program,
 * a missing one is an error and not a skip.
 */
export function without(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !found(program))
  if (missing.length === 0) return false
  if (process.env.CI) throw new Error(`${missing.join(', ')} is not installed; .ci/run installs it`)
  return `${missing.join(', ')} is not installed`
}

/** The real path of the Python that has a module for everybody: the one in the path, or the system's, which is where apt puts modules. */
export function pythonWith(module: string): string | undefined {
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(python, ['-s', '-c', `import sys, ${module}; print(sys.executable)`])
    if (status === 0) return stdout.toString().trim()
  }
  return undefined
}

/** `without` for a module of Python. */
export function withoutPython(module: string): string | false {
  if (pythonWith(module) !== undefined) return false
  if (process.env.CI) throw new Error(`no python3 has ${module}; .ci/run installs it`)
  return `no python3 has ${module}`
}

/** `without` for sshfs. apt cannot bring the device, so that is a skip on CI as well. */
export function withoutSshfs(): string | false {
  const probe = spawnSync('sh', ['-c', 'exec 3<>/dev/fuse'])
  return without('sshfs', 'fusermount3') || (probe.status === 0 ? false : '/dev/fuse cannot be opened here')
}

function found(program: string): boolean {
  const path = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`
  return path.split(delimiter).some((folder) => existsSync(join(folder, program)))
}
