import { once } from 'node:events'
import type { Server } from 'node:net'
import { OpError } from '../base/error.ts'

/** Where to listen; port 0 is any that is free. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** RFC 4291 §2.5.6. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i

/** Listens there. The address with the port it got. EBUSY, EACCES or EINVAL when it cannot be had. */
export async function listenAt(server: Server, { host, port }: Address): Promise<Address> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE')
      throw new OpError(
        'EBUSY',
        `Port ${port} on ${host} is in use: stop what listens there, or choose another with --port`,
        { cause },
      )
    if (code === 'EACCES')
      throw new OpError(
        'EACCES',
        `Port ${port} needs rights that this process does not have: choose one above 1023 with --port`,
        { cause },
      )
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new OpError('EINVAL', `"${host}" is not an address of this machine: choose another with --host`, {
        cause,
      })
    if (code === 'EINVAL' && LINK_LOCAL.test(host))
      throw new OpError(
        'EINVAL',
        `"${host}" is an address of each interface: name the one that is meant with --host ${host}%eth0`,
        { cause },
      )
    if (code !== undefined)
      throw new OpError('EINVAL', `"${host}" cannot be listened on (${code}): choose another with --host`, {
        cause,
      })
    throw cause
  }
  const bound = server.address()
  return { host, port: typeof bound === 'object' && bound !== null ? bound.port : port }
}
