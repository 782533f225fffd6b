import ssh2 from 'ssh2'
import { OpError } from '../base/error.ts'

/** Times a password or a passphrase is asked for. */
const MOST_ASKED = 3

export interface LogInOptions {
  readonly user: string
  /** Tried before a person is asked. */
  readonly password?: string | undefined
  /** Private keys in the order they are tried: `name` is what a person knows it by. */
  readonly keys: readonly {
    readonly name: string
    readonly read: () => Promise<Buffer | undefined>
    readonly passphrase?: string | undefined
  }[]
  /** The agent's socket. */
  readonly agent?: string | undefined
  /** Public keys that alone the agent is asked for; without it, all that it has. */
  readonly agentKeys?: (() => Promise<readonly Buffer[]>) | undefined
  /** Asks a person; undefined when nobody is there or nothing was said. */
  readonly ask: (question: string, echo: boolean) => Promise<string | undefined>
  /** What the server wants to be read before. */
  readonly tell: (text: string) => void
}

/** Answers a server's demands, and remembers what was right so that nobody is asked again. */
export interface LogIn {
  /** For one connection. */
  handler(): ssh2.AuthHandlerMiddleware
}

export function logIn({ user: username, password, keys, agent, agentKeys, ask, tell }: LogInOptions): LogIn {
  const opened = new Map<string, ssh2.ParsedKey>()
  /** What a person answered, by question; right until the server says otherwise. */
  const answered = new Map<string, string>()
  let known = password

  async function keyOf(key: LogInOptions['keys'][number]): Promise<ssh2.ParsedKey | undefined> {
    const before = opened.get(key.name)
    if (before !== undefined) return before
    const bytes = await key.read()
    if (bytes === undefined) return undefined
    let parsed = firstOf(ssh2.utils.parseKey(bytes, key.passphrase))
    for (
      let time = 0;
      parsed instanceof Error && /passphrase|encrypted|decrypt/i.test(parsed.message);
      time++
    ) {
      if (time === MOST_ASKED) throw new OpError('EACCES', `The passphrase of "${key.name}" was wrong`)
      const phrase = await ask(`Passphrase of ${key.name}: `, false)
      if (phrase === undefined) return undefined
      parsed = firstOf(ssh2.utils.parseKey(bytes, phrase))
    }
    if (parsed instanceof Error) {
      tell(`"${key.name}" is passed over: ${parsed.message}`)
      return undefined
    }
    // A public key says which of the agent's is meant.
    if (!parsed.isPrivateKey()) return undefined
    opened.set(key.name, parsed)
    return parsed
  }

  async function* methods(
    left: () => readonly string[],
    isPartial: () => boolean,
  ): AsyncGenerator<ssh2.AnyAuthMethod> {
    const wasRefused = (method: string): boolean => left().includes(method) && !isPartial()
    yield { type: 'none', username }
    if (agent !== undefined && left().includes('publickey')) {
      const only = await agentKeys?.()
      if (only === undefined || only.length > 0)
        yield { type: 'agent', username, agent: only === undefined ? agent : agentWith(agent, only) }
    }
    for (const key of keys) {
      if (!left().includes('publickey')) break
      const parsed = await keyOf(key)
      if (parsed !== undefined) yield { type: 'publickey', username, key: parsed }
    }
    for (let time = 0; time < MOST_ASKED && left().includes('password'); time++) {
      const given = known ?? (await ask(`Password of ${username}: `, false))
      if (given === undefined) break
      // Right until it is refused: then the next turn asks.
      known = given
      yield { type: 'password', username, password: given }
      if (left().includes('password')) known = undefined
      // After the last the login is refused as a whole, which says as much.
      if (wasRefused('password') && (time + 1 < MOST_ASKED || given === password))
        tell('The password was refused')
    }
    for (let time = 0; time < MOST_ASKED && left().includes('keyboard-interactive'); time++) {
      let isOver = false
      let wasPassword = false
      yield {
        type: 'keyboard-interactive',
        username,
        prompt: (name, instructions, _lang, prompts, finish) => {
          for (const text of [name, instructions]) if (text !== '') tell(text)
          wasPassword = prompts.length === 1 && isPassword(prompts[0]!)
          answers(prompts, time).then(
            (all) => {
              isOver = all === undefined
              finish(all ?? [])
            },
            () => finish([]),
          )
        },
      }
      if (isOver) break
      if (wasRefused('keyboard-interactive') && time + 1 < MOST_ASKED)
        tell(wasPassword ? 'The password was refused' : 'The answer was refused')
    }
  }

  async function answers(prompts: readonly ssh2.Prompt[], time: number): Promise<string[] | undefined> {
    const all: string[] = []
    for (const one of prompts) {
      const { prompt, echo = false } = one
      const before = time === 0 ? (isPassword(one) ? (known ?? answered.get(prompt)) : undefined) : undefined
      const answer = before ?? (await ask(prompt, echo))
      if (answer === undefined) return undefined
      // A code for one time is not kept.
      if (isPassword(one)) answered.set(prompt, answer)
      all.push(answer)
    }
    return all
  }

  return {
    handler() {
      let left: readonly string[] = []
      let isPartial = false
      const sequence = methods(
        () => left,
        () => isPartial,
      )
      return (now, partial, next) => {
        left = now ?? []
        // Null before anything was tried.
        isPartial = partial === true
        const tryNext = next as (method: ssh2.AnyAuthMethod | false) => void
        sequence.next().then(
          ({ done, value }) => tryNext(done === true ? false : value),
          (error: unknown) => {
            tell(error instanceof Error ? error.message : String(error))
            tryNext(false)
          },
        )
      }
    },
  }
}

/** An agent as if it had these keys alone: with others it would use up the tries. */
function agentWith(socket: string, only: readonly Buffer[]): ssh2.BaseAgent {
  const agent = ssh2.createAgent(socket)
  const all = agent.getIdentities.bind(agent)
  agent.getIdentities = (done) =>
    all((error, keys = []) =>
      done(
        error,
        (keys as ssh2.ParsedKey[]).filter((key) => only.some((blob) => blob.equals(key.getPublicSSH()))),
      ),
    )
  return agent
}

/** The public key (RFC 4253 §6.6) in the text of one; undefined when there is none. */
export function publicKeyOf(text: Buffer): Buffer | undefined {
  const parsed = firstOf(ssh2.utils.parseKey(text))
  return parsed instanceof Error ? undefined : parsed.getPublicSSH()
}

function isPassword({ prompt, echo = false }: ssh2.Prompt): boolean {
  return /password/i.test(prompt) && !echo
}

function firstOf(parsed: ssh2.ParsedKey | ssh2.ParsedKey[] | Error): ssh2.ParsedKey | Error {
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('there is no key in it')) : parsed
}
