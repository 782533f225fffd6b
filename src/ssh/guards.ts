import type ssh2 from 'ssh2'
import { type ChannelInside, insideOf, type ProtocolInside } from './peer.ts'

/** Authentication requests that may wait while one is decided; nobody honest sends any ahead. */
const MOST_WAITING_AUTHS = 8

/** Times a client may ask for the login service again; paramiko does before each attempt, ssh2 would hang up. */
const MOST_SERVICE_REQUESTS = 32
const LOGIN_SERVICE = 'ssh-userauth'

const ADMINISTRATIVELY_PROHIBITED = 1

export interface GuardedPeer {
  /** To be called when an attempt given to 'authentication' is decided: the next one is let through. */
  decided(): void
}

/**
 * Closes what ssh2 leaves open, on one connection: packet sizes it loops on, data beyond the window (its issue 1505), the CLOSE of a session that never started, which it does not answer,
 * and attempts sent ahead, which its own queue gives back in the wrong order.
 * `leastPacket` is the smallest packet a client may ask for: ssh2 loops for ever at 0, and fills the heap at 1 (its issue 1504).
 * `asked` hears of each request that ssh2 answers by itself.
 * `answering` says whether the client was asked a question about its login: a new attempt then takes the place of that one (RFC 4252 §5.1).
 * `cut` is given a word for the log, and ends the connection.
 */
export function guardPeer(
  peer: ssh2.Connection,
  leastPacket: number,
  asked: () => void,
  answering: () => boolean,
  cut: (why: string) => void,
): GuardedPeer {
  const { _protocol: protocol, _chanMgr: channels } = insideOf(peer)
  const handlers = protocol._handlers

  wrap<[info: { sender: number; packetSize: number; type: string }]>('CHANNEL_OPEN', (next, p, info) => {
    if (info.packetSize < leastPacket) {
      return p.channelOpenFail(
        info.sender,
        ADMINISTRATIVELY_PROHIBITED,
        `The packet size must be at least ${leastPacket}`,
      )
    }
    // ssh2 refuses it too, without a word of why, and `ssh -L` and `ssh -J` show an empty one.
    if (info.type !== 'session')
      return p.channelOpenFail(info.sender, ADMINISTRATIVELY_PROHIBITED, 'Nothing is forwarded here')
    // Ours to send: larger packets only cost memory before the first one goes out.
    info.packetSize = Math.min(info.packetSize, 256 * 1024)
    return next(p, info)
  })

  for (const name of ['GLOBAL_REQUEST', 'CHANNEL_REQUEST', 'CHANNEL_OPEN']) {
    wrap<[...request: unknown[]]>(name, (next, p, ...request) => {
      asked()
      return next(p, ...request)
    })
  }

  wrap<[id: number, data: Uint8Array]>('CHANNEL_DATA', (next, p, id, data) => {
    const half = incoming(channels.get(id))
    if (half !== undefined && data.length > half.window) return cut('data beyond the window')
    return next(p, id, data)
  })

  wrap<[id: number]>('CHANNEL_CLOSE', (next, p, id) => {
    const session = channels.get(id)
    if (typeof session === 'object' && session?._chanInfo !== undefined && session._channel === undefined) {
      p.channelClose(session._chanInfo.outgoing.id)
      next(p, id)
      channels.remove(id)
      return undefined
    }
    return next(p, id)
  })

  let servicesAsked = 0
  wrap<[service: string]>('SERVICE_REQUEST', (next, p, service) => {
    servicesAsked++
    if (servicesAsked === 1 || service !== LOGIN_SERVICE) return next(p, service)
    if (servicesAsked > MOST_SERVICE_REQUESTS) return cut('the login service asked for too often')
    p.serviceAccept(service)
    return undefined
  })

  let deciding = 0
  const waiting: (() => void)[] = []
  wrap<[...request: unknown[]]>('USERAUTH_REQUEST', (next, p, ...request) => {
    const go = (): void => {
      deciding += 1
      next(p, ...request)
    }
    if (deciding === 0 || answering()) go()
    else if (waiting.length < MOST_WAITING_AUTHS) waiting.push(go)
    else cut('too many login attempts sent ahead')
    return undefined
  })

  function wrap<A extends unknown[]>(
    name: string,
    guard: (next: (p: ProtocolInside, ...args: A) => unknown, p: ProtocolInside, ...args: A) => unknown,
  ): void {
    const handler = handlers[name] as ((p: ProtocolInside, ...args: A) => unknown) | undefined
    if (handler === undefined) throw new Error(`ssh2 has no ${name} any more`)
    handlers[name] = ((p: ProtocolInside, ...args: A) => guard(handler, p, ...args)) as never
  }

  return {
    decided() {
      deciding -= 1
      if (deciding === 0) waiting.shift()?.()
    },
  }
}

function incoming(channel: ChannelInside | undefined): { readonly window: number } | undefined {
  if (typeof channel !== 'object') return undefined
  return channel.incoming ?? channel._chanInfo?.incoming
}
