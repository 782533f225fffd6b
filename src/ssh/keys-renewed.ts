import type ssh2 from 'ssh2'
import { insideOf } from './peer.ts'

export interface RenewalLimits {
  /** Age of keys, in ms; 0: they may be of any. */
  readonly rekeyMs: number
  /** Bytes under the same keys, both ways together (RFC 4253 §9); 0: any number. */
  readonly rekeyBytes: number
}

/**
 * Exchanges that a client may start with less than this between them: each costs us a signature and more. OpenSSH's
 * with a small RekeyLimit (500K) starts one for every packet of 32 KiB.
 */
const LEAST_USE = 16 * 1024
const MOST_USELESS = 16
/** Bytes of answers that wait for the end of an exchange; ssh2 keeps them all, and a client may never end it. */
const MOST_WAITING = 24 * 1024 * 1024
/** What the slowest line needs until its part comes, in ms. */
const LONGEST_EXCHANGE = 10 * 60_000
/** What a short answer really costs. */
const OVERHEAD = 200

export interface Renewal {
  /** Logged in: from now on keys are renewed. */
  start(): void
  stop(): void
}

/**
 * Renews the keys of a connection by volume and by time, which ssh2 does not, and ends a client that makes exchanges
 * a weapon: before it is logged in, without any use, or never ended while it asks for more. `sentPast`: bytes that did not
 * go by ssh2.
 */
export function renewKeys(
  peer: ssh2.Connection,
  { rekeyMs, rekeyBytes }: RenewalLimits,
  cut: (why: string) => void,
  sentPast: () => number = () => 0,
): Renewal {
  const { _protocol: protocol, _sock: socket } = insideOf(peer)
  let started = false
  let ours = false
  let since = 0
  let useless = 0
  let unfinished = 0
  let timer: NodeJS.Timeout | undefined
  let counted: { readonly queue: readonly Uint8Array[]; entries: number; bytes: number } | undefined

  /** Bytes that ssh2 sent. (The socket would walk through its queue to tell.) */
  let sent = 0
  const onWrite = protocol._onWrite
  protocol._onWrite = (data) => {
    sent += data.length
    onWrite(data)
  }
  const moved = (): number => socket.bytesRead + sent + sentPast()
  const running = (): boolean => protocol._kexinit !== undefined
  const again = (): void => {
    clearTimeout(timer)
    // An exchange that does not end is seen all the same.
    const wait = rekeyMs || LONGEST_EXCHANGE
    timer = setTimeout(() => {
      unfinished = running() ? unfinished + wait : 0
      if (unfinished > LONGEST_EXCHANGE) return cut('a key exchange that does not end')
      if (rekeyMs > 0) renew()
      again()
    }, wait).unref()
  }
  const renew = (): void => {
    if (protocol._destruct === undefined || running()) return
    ours = true
    peer.rekey()
  }

  /** Counts what came since the last look. */
  const waiting = (queue: readonly Uint8Array[]): number => {
    if (counted?.queue !== queue) counted = { queue, entries: 0, bytes: 0 }
    for (; counted.entries < queue.length; counted.entries++)
      counted.bytes += queue[counted.entries]!.length + OVERHEAD
    return counted.bytes
  }

  peer.on('rekey', () => {
    if (!started) return cut('new keys before login')
    useless = ours || moved() - since > LEAST_USE ? 0 : useless + 1
    if (useless > MOST_USELESS) return cut('new keys again and again')
    ours = false
    unfinished = 0
    since = moved()
    again()
  })
  // Behind ssh2's own listener.
  socket.on('data', () => {
    if (protocol._queue !== undefined && waiting(protocol._queue) > MOST_WAITING)
      return cut('too many requests in a key exchange')
    if (started && rekeyBytes > 0 && moved() - since >= rekeyBytes) renew()
  })

  return {
    start() {
      started = true
      again()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}
