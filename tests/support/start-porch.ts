import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Authenticator } from '../../src/accounts/account.ts'
import { systemClock } from '../../src/base/clock.ts'
import { OpError } from '../../src/base/error.ts'
import { silentLog } from '../../src/base/log.ts'
import { type HostKey, openHostKeys } from '../../src/ssh/hostkeys.ts'
import { type PorchLimits, type PorchParts, serve } from '../../src/ssh/server.ts'
import type { SessionHandler } from '../../src/ssh/session.ts'

export const ADA = { name: 'ada', password: 'engine' }

export interface StartedPorch extends AsyncDisposable {
  readonly port: number
  drain(ms: number): Promise<void>
}

/** A porch where ada comes in by her password or one of `keys` (blobs), and every request is served by `handler`. */
export async function startPorch(
  handler: SessionHandler,
  {
    limits = {},
    keys = [],
    decided = async () => {},
    ...paths
  }: {
    limits?: Partial<PorchLimits>
    keys?: readonly Uint8Array[]
    /** A login is decided when this is. */
    decided?: () => Promise<unknown>
  } & Partial<
    Pick<PorchParts, 'dataPath' | 'ciphers' | 'rubbish' | 'banned' | 'neighbourhood' | 'clock' | 'log'>
  > = {},
): Promise<StartedPorch> {
  const known = (blob: Uint8Array): boolean => keys.some((key) => Buffer.compare(key, blob) === 0)
  const authenticator: Authenticator = {
    offered: async (name, key) => name === ADA.name && known(key.blob),
    async verify(name, credential) {
      await decided()
      const right =
        credential.method === 'publickey' ? known(credential.key.blob) : credential.password === ADA.password
      if (name !== ADA.name || !right) throw new OpError('EACCES', 'Login refused')
      return { account: name, role: 'user', by: credential.method }
    },
  }
  const porch = await serve({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys: await hostKeys(),
    // Longer than any test: what another limit must end is not ended by this one.
    limits: { graceMs: 600_000, ...limits },
    log: silentLog,
    clock: systemClock,
    authenticator,
    handlerFor: () => handler,
    dataPath: wantedPath(),
    ...paths,
  })
  return { port: porch.address.port, drain: porch.drain, [Symbol.asyncDispose]: () => porch.drain(0) }
}

let made: Promise<readonly HostKey[]> | undefined

/** Made once: an RSA key takes longer than most tests. */
export function hostKeys(): Promise<readonly HostKey[]> {
  made ??= makeHostKeys()
  return made
}

async function makeHostKeys(): Promise<readonly HostKey[]> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'porch-'))
  return await openHostKeys(folder.path)
}

/** As for the real program, so that every test can be run over either path. */
export function wantedPath(): 'fast' | 'plain' {
  return process.env.MINIFTP_DATA_PATH === 'plain' ? 'plain' : 'fast'
}
