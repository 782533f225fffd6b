import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FromProcess, ToProcess } from './quota-process.ts'

export interface QuotaProcess {
  work(seed: number, operations: number): Promise<{ readonly written: number; readonly refused: number }>
  usage(): Promise<{ readonly used: number; readonly reserved: number; readonly files: number }>
  /** kill -9, and gone. */
  kill(): Promise<void>
}

export interface QuotaFamily extends AsyncDisposable {
  start(): Promise<QuotaProcess>
}

/** Real processes over one database and one home; what they ask each other goes through this one. */
export function quotaFamily(folder: string, limits: { bytes: number; files: number }): QuotaFamily {
  const children = new Set<ChildProcess>()
  const tell = (child: ChildProcess, message: ToProcess): void => {
    if (child.connected) child.send(message, () => {})
  }
  const counts = (): void => {
    for (const child of children) tell(child, { count: children.size - 1 })
  }
  /** Answers to what was asked, by number; a child that dies answers undefined to all. */
  const waiting = new Map<number, { readonly child: ChildProcess; readonly take: (value: unknown) => void }>()
  let asked = 0

  async function askOthers(from: ChildProcess, { asks, word, data }: Extract<FromProcess, { asks: number }>) {
    const others = [...children].filter((child) => child !== from)
    const answers = others.map(
      (child) =>
        new Promise<unknown>((take) => {
          asked += 1
          waiting.set(asked, { child, take })
          tell(child, { ask: asked, word, data })
        }),
    )
    const all = await Promise.all(answers)
    tell(from, { answered: asks, answers: all.filter((answer) => answer !== GONE) })
  }

  return {
    async start() {
      const script = join(import.meta.dirname, 'quota-process.ts')
      const child = fork(script, [folder, String(limits.bytes), String(limits.files)], {
        execArgv: ['--no-warnings'],
        stdio: 'inherit',
      })
      children.add(child)
      counts()
      const heard: Partial<Record<'ready' | 'done' | 'usage', PromiseWithResolvers<FromProcess>>> = {}
      const next = (what: 'ready' | 'done' | 'usage'): Promise<FromProcess> => {
        heard[what] = Promise.withResolvers()
        return heard[what].promise
      }
      child.on('message', (message: FromProcess) => {
        if ('asks' in message) void askOthers(child, message)
        else if ('answer' in message) {
          waiting.get(message.answer)?.take(message.value)
          waiting.delete(message.answer)
        } else if ('ready' in message) heard.ready?.resolve(message)
        else if ('done' in message) heard.done?.resolve(message)
        else heard.usage?.resolve(message)
      })
      child.once('exit', () => {
        children.delete(child)
        counts()
        for (const [number, one] of waiting) {
          if (one.child !== child) continue
          waiting.delete(number)
          one.take(GONE)
        }
        for (const one of Object.values(heard)) one.reject(new Error('The process has ended'))
      })
      const ready = next('ready')
      counts()
      await ready
      return {
        async work(seed, operations) {
          const done = next('done')
          tell(child, { work: seed, operations })
          return (await done) as FromProcess & { written: number; refused: number }
        },
        async usage() {
          const answer = next('usage')
          tell(child, { usage: true })
          return ((await answer) as Extract<FromProcess, { readonly usage: unknown }>).usage
        },
        async kill() {
          const gone = once(child, 'exit')
          child.kill('SIGKILL')
          await gone
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(
        [...children].map((child) => {
          const gone = once(child, 'exit')
          child.kill('SIGKILL')
          return gone
        }),
      )
    },
  }
}

const GONE = Symbol('gone')
