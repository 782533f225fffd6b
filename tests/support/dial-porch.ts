import { once } from 'node:events'
import ssh2 from 'ssh2'
import { type Dialed, dial } from '../../src/ssh/dial.ts'
import { logIn } from '../../src/ssh/log-in.ts'
import { ADA, wantedPath } from './start-porch.ts'

/** A connection of our client to a porch of `startPorch`, logged in as ada. */
export async function dialPorch(
  port: number,
  dataPath = wantedPath(),
  checkHost: () => Promise<boolean> = async () => true,
): Promise<Dialed> {
  const peer = new ssh2.Client()
  peer.on('error', () => {})
  return dial(
    peer,
    (config) => {
      peer.connect(config)
      const ended = once(peer, 'close').then(() => {
        throw new Error('The connection ended before the login')
      })
      return Promise.race([once(peer, 'ready'), ended])
    },
    {
      host: '127.0.0.1',
      port,
      user: ADA.name,
      patienceMs: 20_000,
      hostKeyTypes: [],
      checkHost,
      login: logIn({
        user: ADA.name,
        password: ADA.password,
        keys: [],
        ask: async () => undefined,
        tell() {},
      }).handler(),
      dataPath,
    },
  )
}
