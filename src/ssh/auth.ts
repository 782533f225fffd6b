import ssh2 from 'ssh2'
import type { Authenticator, Credential, Identity, Origin, PublicKey } from '../accounts/account.ts'
import { isOpError } from '../base/error.ts'
import type { Log } from '../base/log.ts'

const METHODS: ssh2.AuthenticationType[] = ['publickey', 'password', 'keyboard-interactive']
/** Longest of what a client sends of each. */
const MOST_NAME = 256
const MOST_PASSWORD = 4096

/** The signature algorithms a key may sign with (RFC 8709, RFC 5656, RFC 8332); SHA-1 is not among them. */
const HASH_OF: Readonly<Record<string, readonly (string | undefined)[]>> = {
  'ssh-ed25519': [undefined],
  'ecdsa-sha2-nistp256': [undefined],
  'ecdsa-sha2-nistp384': [undefined],
  'ecdsa-sha2-nistp521': [undefined],
  'ssh-rsa': ['sha256', 'sha512'],
}

export type Decision =
  | { readonly identity: Identity }
  | { readonly refused: string; readonly counts: boolean }

/** What one connection has shown so far. */
export interface Shown {
  /** Its password or key was right; a code is still asked for. */
  first?: Identity | undefined
  /** It was asked a question, and has not answered. */
  asked?: boolean
}

interface Asking {
  readonly authenticator: Authenticator
  readonly origin: Origin
  readonly shown: Shown
}

/** Whether what the client shows lets it in. Every field is what a stranger sent; nothing of it is trusted. Never throws. */
export async function decide(
  context: ssh2.AuthContext,
  authenticator: Authenticator,
  origin: Origin,
  shown: Shown,
  log: Log,
): Promise<Decision> {
  const asking = { authenticator, origin, shown }
  try {
    const name: unknown = context.username
    if (typeof name !== 'string' || name.length > MOST_NAME) return refuse(context, 'name')
    switch (context.method) {
      case 'none':
        return refuse(context, 'none', false)
      case 'password': {
        // An object when the client asks to change it (RFC 4252 §8): not offered here.
        const password: unknown = context.password
        if (!isPassword(password)) return refuse(context, 'password')
        return await verify(context, name, { method: 'password', password }, asking)
      }
      case 'keyboard-interactive': {
        if (shown.first?.account === name) return await verifyCode(context, shown.first, asking)
        const password = await ask(context, 'Password: ', shown)
        if (!isPassword(password)) return refuse(context, 'keyboard-interactive')
        return await verify(context, name, { method: 'keyboard-interactive', password }, asking)
      }
      case 'publickey':
        return await byKey(context, name, asking)
      default:
        return refuse(context, 'method')
    }
  } catch (error) {
    log.error('login failed', error)
    return refuse(context, 'error')
  }
}

async function byKey(context: ssh2.PublicKeyAuthContext, name: string, asking: Asking): Promise<Decision> {
  const { authenticator, origin } = asking
  const key = publicKey(context)
  if (key === undefined) return refuse(context, 'publickey')
  if (context.signature === undefined) {
    if (!(await authenticator.offered(name, key.key, origin))) return refuse(context, 'publickey')
    context.accept()
    return { refused: 'offered', counts: false }
  }
  const { signature, blob } = context
  if (!Buffer.isBuffer(signature) || !Buffer.isBuffer(blob)) return refuse(context, 'publickey')
  // It answers with an Error, which is true, where the input is malformed.
  const verified: unknown = key.parsed.verify(blob, signature, context.hashAlgo)
  if (verified !== true) return refuse(context, 'publickey')
  return verify(context, name, { method: 'publickey', key: key.key }, asking)
}

/** The key, if it is one, of the type it is said to be, to be signed with as that type may. */
function publicKey(
  context: ssh2.PublicKeyAuthContext,
): { key: PublicKey; parsed: ssh2.ParsedKey } | undefined {
  const data: unknown = context.key?.data
  if (!Buffer.isBuffer(data)) return undefined
  const parsed = ssh2.utils.parseKey(data)
  if (parsed instanceof Error || Array.isArray(parsed)) return undefined
  if (parsed.type !== context.key.algo) return undefined
  if (!HASH_OF[parsed.type]?.includes(context.hashAlgo)) return undefined
  return { key: { type: parsed.type, blob: data }, parsed }
}

async function verify(
  context: ssh2.AuthContext,
  name: string,
  credential: Credential,
  asking: Asking,
): Promise<Decision> {
  const { authenticator, origin, shown } = asking
  try {
    const identity = await authenticator.verify(name, credential, origin)
    if (await authenticator.second?.needed(identity)) {
      if (context.method === 'keyboard-interactive') return await verifyCode(context, identity, asking)
      shown.first = identity
      context.reject(['keyboard-interactive'], true)
      return { refused: 'a code is asked for', counts: false }
    }
    context.accept()
    return { identity }
  } catch (error) {
    if (!isOpError(error, 'EACCES')) throw error
    return refuse(context, credential.method)
  }
}

/** After a password or a key that was right. */
async function verifyCode(
  context: ssh2.KeyboardAuthContext,
  identity: Identity,
  { authenticator, origin, shown }: Asking,
): Promise<Decision> {
  const refused = (): Decision => {
    context.reject(shown.first === undefined ? METHODS : ['keyboard-interactive'])
    return { refused: 'one-time code', counts: true }
  }
  const code = await ask(context, 'One-time code: ', shown)
  if (!isPassword(code)) return refused()
  try {
    await authenticator.second?.verify(identity, code, origin)
  } catch (error) {
    if (!isOpError(error, 'EACCES')) throw error
    return refused()
  }
  context.accept()
  return { identity }
}

function ask(context: ssh2.KeyboardAuthContext, prompt: string, shown: Shown): Promise<unknown> {
  return new Promise((resolve) => {
    const heard = (answer: unknown): void => {
      shown.asked = false
      resolve(answer)
    }
    shown.asked = true
    context.once('abort', () => heard(undefined))
    context.prompt([{ prompt, echo: false }], (answers: unknown) => {
      heard(Array.isArray(answers) && answers.length === 1 ? answers[0] : undefined)
    })
  })
}

function isPassword(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= MOST_PASSWORD
}

function refuse(context: ssh2.AuthContext, refused: string, counts = true): Decision {
  context.reject(METHODS)
  return { refused, counts }
}
