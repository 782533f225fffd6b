import {
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/** draft-ietf-sshm-mlkem-hybrid-kex: ML-KEM-768 (FIPS 203) and X25519 together, so that both must be broken. */
export const HYBRID = 'mlkem768x25519-sha256'

/** Bytes of an ML-KEM-768 encapsulation key, of a ciphertext, and of an X25519 public key. */
const KEM_KEY = 1184
const KEM_TEXT = 1088
const CURVE_KEY = 32

/** SubjectPublicKeyInfo in front of the raw keys (OIDs 2.16.840.1.101.3.4.4.2 and 1.3.101.110). */
const KEM_SPKI = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex')
const CURVE_SPKI = Buffer.from('302a300506032b656e032100', 'hex')

export interface HybridClient {
  /** C_INIT: encapsulation key, then X25519 key. */
  readonly init: Buffer
  /** K out of the server's S_REPLY; undefined when its length cannot be or its point is of low order. */
  secret(reply: Uint8Array): Buffer | undefined
}

export interface HybridAnswer {
  /** S_REPLY: ciphertext, then X25519 key. */
  readonly reply: Buffer
  /** K, 32 bytes; hashed and used as a string, not as an mpint. */
  readonly secret: Buffer
}

/** Whether this Node can do ML-KEM (OpenSSL >= 3.5). */
export function hybridWorks(): boolean {
  try {
    return answerHybrid(startHybrid().init) !== undefined
  } catch {
    return false
  }
}

/** The client's half of the exchange, with keys that are new unless they are known beforehand. */
export function startHybrid(
  kem = generateKeyPairSync('ml-kem-768').privateKey,
  curve = generateKeyPairSync('x25519').privateKey,
): HybridClient {
  const init = Buffer.concat([
    rawKey(createPublicKey(kem), KEM_KEY),
    rawKey(createPublicKey(curve), CURVE_KEY),
  ])
  return {
    init,
    secret: (reply) =>
      reply.length === KEM_TEXT + CURVE_KEY
        ? attempt(() =>
            combine(
              decapsulate(kem, Buffer.from(reply.subarray(0, KEM_TEXT))),
              agree(curve, reply.subarray(KEM_TEXT)),
            ),
          )
        : undefined,
  }
}

/** The server's half; undefined when the client's C_INIT cannot be (length, key out of range, point of low order). */
export function answerHybrid(init: Uint8Array): HybridAnswer | undefined {
  if (init.length !== KEM_KEY + CURVE_KEY) return undefined
  return attempt(() => {
    const { ciphertext, sharedKey } = encapsulate(publicKey(KEM_SPKI, init.subarray(0, KEM_KEY)))
    const curve = generateKeyPairSync('x25519')
    const secret = combine(sharedKey, agree(curve.privateKey, init.subarray(KEM_KEY)))
    return { reply: Buffer.concat([ciphertext, rawKey(curve.publicKey, CURVE_KEY)]), secret }
  })
}

/** K = SHA-256(K_PQ || K_CL). */
export function combine(quantum: Uint8Array, classic: Uint8Array): Buffer {
  return createHash('sha256').update(quantum).update(classic).digest()
}

function agree(privateKey: KeyObject, raw: Uint8Array): Buffer {
  return diffieHellman({ privateKey, publicKey: publicKey(CURVE_SPKI, raw) })
}

function publicKey(spki: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spki, raw]), type: 'spki', format: 'der' })
}

function rawKey(key: KeyObject, bytes: number): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-bytes)
}

/** OpenSSL throws for keys that cannot be: for the exchange that is an answer, not a fault of ours. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
