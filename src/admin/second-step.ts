import { renderUnicodeCompact } from 'uqr'
import type { Enrolment } from '../accounts/second-step.ts'
import { pick } from './accounts-list.ts'
import type { Desktop } from './menu.ts'
import { page } from './page.ts'
import { answer, exactly, type Word } from './word.ts'

/** Black on white, whatever colours the terminal has: not every app reads it the other way round. */
const PAPER = '\x1b[37;40m'
const PLAIN = '\x1b[0m'

/** Words about the one-time codes of accounts. */
export const SECOND_STEP_WORDS: Readonly<Record<string, Word>> = {
  'totp add': {
    usage: 'totp add NAME [--json]',
    summary: 'ask an account for a one-time code at each login; shows the QR code for its app',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const made = await call.parts.actions.addSecondStep(call.actor, name!)
      answer(call, made, [...qrCode(made.uri), '', ...told(name!, made)])
    },
  },
  'totp del': {
    usage: 'totp del NAME',
    summary: 'ask an account for no code any more',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      await call.parts.actions.removeSecondStep(call.actor, name!)
      answer(call, { name, totp: false }, [`"${name}" logs in without a code`])
    },
  },
  'totp show': {
    usage: 'totp show NAME [--json]',
    summary: 'whether an account is asked for a code',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const has = await call.parts.actions.hasSecondStep(call.actor, name!)
      answer(call, { name, totp: has }, [`"${name}" logs in ${has ? 'with' : 'without'} a code`])
    },
  },
}

/** The item of the menu. */
export async function secondStep(desktop: Desktop): Promise<string | undefined> {
  const { screen, actor, parts } = desktop
  const name = (await pick(desktop, 'Whose one-time codes?'))?.account.name
  if (name === undefined) return undefined
  if (await parts.actions.hasSecondStep(actor, name)) {
    if (!(await screen.confirm(`Let "${name}" log in without a code?`))) return undefined
    await parts.actions.removeSecondStep(actor, name)
    return `"${name}" logs in without a code`
  }
  if (!(await screen.confirm(`Ask "${name}" for a code of an authenticator app at each login?`)))
    return undefined
  const made = await parts.actions.addSecondStep(actor, name)
  let proved = false
  try {
    screen.clear()
    screen.print(...qrCode(made.uri).map((line) => `${PAPER}${line}${PLAIN}`))
    const code = await screen.ask('Scan it, then type the code that the app shows', {
      check: async (text) =>
        text === '' || (await parts.actions.tryCode(actor, name, text))
          ? undefined
          : 'That is not the code: wait for the next one, or nothing to go back',
    })
    proved = code !== undefined && code !== ''
  } finally {
    // Whoever went away in the middle, or lost the connection, has no app that knows the secret.
    if (!proved) await parts.actions.removeSecondStep(actor, name)
  }
  if (!proved) return undefined
  await page(screen, () => told(name, made))
  return `"${name}" is asked for a code at each login`
}

function qrCode(uri: string): readonly string[] {
  return renderUnicodeCompact(uri, { ecc: 'L', border: 1 }).split('\n')
}

function told(name: string, { secret, recovery }: Enrolment): readonly string[] {
  return [
    `"${name}" is asked for a code at each login, after its password or key.`,
    `To type instead of the QR code: ${secret}`,
    'Recovery codes, each good once; they are not shown again:',
    ...recovery.map((code) => `  ${code}`),
  ]
}
