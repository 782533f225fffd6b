import { renderUnicodeCompact } from 'uqr'
import type { Enrolment } from '../accounts/second-step.ts'
import { pick } from './accounts-list.ts'
import type { Desktop } from './menu.ts'
import { pageBefore } from './page.ts'
import type { Screen } from './screen.ts'
import { wrapped } from './table.ts'
import { answer, exactly, type Word } from './word.ts'

/** Black on white, whatever colours the terminal has: not every app reads it the other way round. */
const PAPER = '\x1b[37;40m'
const PLAIN = '\x1b[0m'
/** Rows for the question under the QR code, and for what is wrong with its answer. */
const LEAST_BELOW = 3

/** Words about the one-time codes of accounts. */
export const SECOND_STEP_WORDS: Readonly<Record<string, Word>> = {
  'totp add': {
    usage: 'totp add NAME [--json]',
    summary: 'ask an account for a one-time code at each login; shows the QR code for its app',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const { actions } = call.parts
      const made = await actions.proposeSecondStep(call.actor, name!)
      await actions.addSecondStep(call.actor, name!, made)
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
  const made = await parts.actions.proposeSecondStep(actor, name)
  if (!(await pageBefore(screen, () => recoveryPage(name, made, screen.columns)))) return undefined
  screen.clear()
  screen.print(...forApp(made, screen))
  const code = await screen.ask('The code that the app shows', {
    check: async (text) =>
      text === '' || (await parts.actions.provesSecondStep(actor, name, made, text))
        ? undefined
        : 'That is not its code: wait for the next one, or nothing to go back',
  })
  if (code === undefined || code === '') return undefined
  // Only now: whoever goes away before has no app that knows the secret.
  await parts.actions.addSecondStep(actor, name, made, code)
  return `"${name}" is asked for a code at each login`
}

/** Shown first, so that nobody is left without them when the connection breaks after the proof. */
function recoveryPage(name: string, { recovery }: Enrolment, columns: number): readonly string[] {
  return [
    ...wrapped(`Recovery codes of "${name}": each lets in once, without the app.`, columns),
    '',
    ...recovery.map((code) => `  ${code}`),
    '',
    ...wrapped('Write them down: they are not shown again. Next comes the app.', columns),
    ...wrapped('Nothing is stored before its first code is typed.', columns),
  ]
}

/** The secret to be typed, and the QR code where there is room for it. */
function forApp({ uri, secret }: Enrolment, { columns, rows }: Screen): readonly string[] {
  const code = qrCode(uri)
  const key = (secret.match(/.{4}/g) ?? []).join(' ')
  const typed = wrapped(`Or type this key: ${key}`, columns)
  if (code[0]!.length > columns || code.length + typed.length + LEAST_BELOW > rows)
    return ['The screen is too small for a QR code: type this key into the app, as one by time', `  ${key}`]
  return [...code.map((line) => `${PAPER}${line}${PLAIN}`), ...typed]
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
