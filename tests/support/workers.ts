import { readdirSync, readFileSync } from 'node:fs'
import { startOf } from '../../src/base/living.ts'
import { askServer } from '../../src/control.ts'
import type { TestServer } from './start-server.ts'

/** The processes that serve for a server, by their number on the machine. */
export function workersOf({ pid }: Pick<TestServer, 'pid'>): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => parentOf(other) === pid && startOf(other) !== '')
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

/** Asks until it is so. */
export async function until(what: string, so: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!(await so())) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

export interface SessionRow {
  readonly id: string
  readonly account: string
  readonly transfers: readonly { readonly path: string; readonly written: number }[]
}

/** Words of the admin over the control socket: what they print. */
export async function words(server: Pick<TestServer, 'var'>, ...list: readonly string[]): Promise<string> {
  const out: string[] = []
  const wrong: string[] = []
  const status = await askServer(server.var, list, {
    print: (line) => void out.push(line),
    complain: (line) => void wrong.push(line),
    input: async () => '',
    confirm: async () => true,
  })
  if (status !== 0) throw new Error(`${list.join(' ')}: ${status} ${wrong.join(' ')}`)
  return out.join('\n')
}

export async function sessionsOf(server: Pick<TestServer, 'var'>): Promise<readonly SessionRow[]> {
  return JSON.parse(await words(server, 'session', 'list', '--json'))
}

/** The number of the process that has the connection. */
export function processOf({ id }: Pick<SessionRow, 'id'>): string {
  return id.split('-')[0]!
}
