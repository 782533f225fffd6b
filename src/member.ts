import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { type Aftermath, type AftermathParts, answerForMany, openAftermath } from './aftermath.ts'
import { type Answers, type Line, type Message, openLine } from './base/line.ts'
import type { Taker } from './reception.ts'

/** One of the processes that serve, from the side of the one that started it. */
export interface Member extends Taker {
  readonly number: number
  readonly process: ChildProcess
  readonly line: Line
  /** By the clock's `elapsed`. */
  readonly since: number
  /** Serves. Rejects when it ends first. */
  readonly serving: PromiseWithResolvers<void>
  readonly aftermath: Aftermath
  joined: boolean
  retiring: boolean
  /** Another one is there for it already, or begins. */
  replaced: boolean
  over: boolean
}

export interface MemberParts extends AftermathParts {
  readonly number: number
  readonly answersOf: (member: () => Member) => Answers
  /** It has ended, in this way. */
  readonly ended: (member: Member, how: End) => void
}

/** Neither: it could not be started. */
export interface End {
  readonly status: number | null
  readonly signal: string | null
}

/** Says to a process that it is one of several. */
const WORKER = 'MINIFTPD_WORKER'

export function isWorker(env: NodeJS.ProcessEnv): boolean {
  return env[WORKER] !== undefined
}

/** Starts one more of this program. */
export function startMember({ number, answersOf, ended, ...parts }: MemberParts): Member {
  const child = fork(process.argv[1]!, process.argv.slice(2), {
    env: { ...process.env, [WORKER]: String(number) },
    serialization: 'json',
  })
  const send = (message: Message, socket?: Socket): void => {
    // What cannot be sent is not answered, and the end of the process cuts the line.
    if (child.connected) child.send(message, socket, { keepOpen: true }, () => {})
  }
  const line = openLine({ send, answers: answersOf(() => member), failed: parts.failed })
  const member: Member = {
    number,
    process: child,
    line,
    take: (socket) => line.ask('take', undefined, socket),
    since: parts.clock.elapsed(),
    serving: answerForMany(),
    aftermath: openAftermath(parts),
    joined: false,
    retiring: false,
    replaced: false,
    over: false,
  }
  child.on('message', (message: Message) => line.hear(message))
  child.once('exit', (status, signal) => ended(member, { status, signal }))
  child.on('error', (error) => {
    parts.failed(error)
    // It did not even begin, and will not end.
    if (child.pid === undefined) ended(member, { status: null, signal: null })
  })
  return member
}
