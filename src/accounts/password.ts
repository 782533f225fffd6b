import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Semaphore } from '../base/lane.ts'

/** argon2id (RFC 9106): 19 MiB, two passes, one lane; about 30 ms. */
const COST = { memory: 19 * 1024, passes: 2, parallelism: 1 }
const SALT_BYTES = 16
const TAG_BYTES = 32
/** At a time: they use memory, and the threads that files are read with. */
const AT_ONCE = 2

const derive = promisify(argon2)
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

export interface Passwords {
  /** As a PHC string, with its parameters in it. */
  hash(password: string): Promise<string>
  /** `stored` undefined: the same work, and false. */
  check(password: string, stored: string | undefined): Promise<boolean>
}

export function passwords(): Passwords {
  const turn = new Semaphore(AT_ONCE)
  // What unknown names are checked against; nobody knows a password for it.
  const dummy = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${base64(randomBytes(SALT_BYTES))}$${base64(randomBytes(TAG_BYTES))}`

  async function tag(password: string, nonce: Buffer, cost: typeof COST, tagLength: number): Promise<Buffer> {
    using _ = await turn.enter()
    return await derive('argon2id', { message: Buffer.from(password), nonce, ...cost, tagLength })
  }

  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES)
      const made = await tag(password, salt, COST, TAG_BYTES)
      return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${base64(salt)}$${base64(made)}`
    },
    async check(password, stored) {
      const parts = PHC.exec(stored ?? dummy) ?? PHC.exec(dummy)!
      const [, memory, passes, parallelism, salt, wanted] = parts
      const expected = Buffer.from(wanted!, 'base64')
      const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
      const made = await tag(password, Buffer.from(salt!, 'base64'), cost, expected.length)
      return timingSafeEqual(made, expected) && stored !== undefined && PHC.test(stored)
    },
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
