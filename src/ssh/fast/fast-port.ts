import type { Socket } from 'node:net'
import type ssh2 from 'ssh2'
import { systemClock } from '../../base/clock.ts'
import { type Held, UNCOUNTED } from '../held.ts'
import { halvesOf, insideOf } from '../peer.ts'
import { type DrainedPort, tellError } from '../plain-port.ts'
import type { PacketSink } from '../session.ts'
import { takeIn } from './intake.ts'
import { randomPadding } from './padding.ts'
import { pastQueue } from './past-queue.ts'
import { type Seal, sealOver } from './seal.ts'
import { type Line, SlabWriter } from './slab-writer.ts'
import { heldSlabs, openSlabs } from './slabs.ts'
import { connectionBudget, idleShare, type WindowBudget, windowBudget, windowOver } from './window.ts'

/** What the windows of all connections may have together above their first, in bytes. */
const MOST_EXTRA_IN_ALL = 256 * 1024 * 1024

/** Makes the short way past ssh2's streams; what connections share. */
export interface FastPath {
  /** `lends`: what the socket gives is only lent from now on. */
  connect(peer: ssh2.Connection, lends: (socket: Socket) => void, limits?: FastLimits): FastConnection
}
export interface FastLimits {
  /** How far away the peer is; Infinity: not known. */
  readonly roundTripMs?: number
  /** Output that may be queued, in bytes. */
  readonly mostQueued?: number
  /** What the connection makes us hold is counted here. */
  readonly held?: Held
}
export interface FastConnection {
  /** Bytes that its ports have sent. */
  readonly sent: number
  /** The short way of one channel, once. */
  port(channel: ssh2.ServerChannel, sink: PacketSink): DrainedPort
}

/** `elapsed`: ms since some moment. */
export function openFastPath(elapsed: () => number = systemClock.elapsed): FastPath {
  const slabs = openSlabs()
  const padding = randomPadding()
  const budget = windowBudget(MOST_EXTRA_IN_ALL)

  return {
    connect(
      peer,
      lends,
      {
        roundTripMs = Number.POSITIVE_INFINITY,
        mostQueued = Number.POSITIVE_INFINITY,
        held = UNCOUNTED,
      } = {},
    ) {
      const { _protocol: protocol, _sock: socket } = insideOf(peer)
      const intake = takeIn(protocol, socket)
      const widths: WindowBudget = connectionBudget(budget)
      lends(socket)
      const send = pastQueue(socket)
      let sent = 0
      const sealed = (count: number): void => {
        sent += count
      }
      const counted = heldSlabs(slabs, held)

      const adjusted = protocol._handlers.CHANNEL_WINDOW_ADJUST as (p: unknown, id: number, n: number) => void
      protocol._handlers.CHANNEL_WINDOW_ADJUST = ((p: unknown, id: number, count: number) => {
        adjusted(p, id, count)
        intake.stir(id)
      }) as never

      let cipher: unknown
      let seal: Seal | undefined
      const sealNow = (): Seal => {
        if (seal === undefined || cipher !== protocol._cipher) {
          cipher = protocol._cipher
          seal = sealOver(protocol._cipher, padding)
        }
        return seal
      }
      const ready = (): boolean =>
        protocol._kexinit === undefined && protocol._destruct !== undefined && socket.writable

      return {
        get sent() {
          return sent
        },
        port(channel, sink) {
          const { incoming, outgoing } = halvesOf(channel)
          const line: Line = { seal: sealNow, ready, outgoing, socket, send, sealed, most: mostQueued, held }
          const writer = new SlabWriter(line, counted, () => sink.room())
          const window = windowOver(incoming, widths, { roundTripMs, idle: idleShare(), now: elapsed }, held)
          const empty = Promise.withResolvers<void>()
          let waits = false
          let came = false

          const flush = (): void => {
            writer.flush()
            if (waits && writer.empty) empty.resolve()
          }
          const take = (bytes: Uint8Array): void => {
            came = true
            sink.bytes(bytes)
          }
          const settle = (): void => {
            if (came) {
              came = false
              sink.settle()
            }
            flush()
          }
          const begin = (): void => {
            // What came before ssh2's stream was left.
            for (let chunk = channel.read(); chunk !== null; chunk = channel.read()) {
              window.owe(chunk.length)
              take(chunk)
            }
            // After its EOF, too: what the peer lets us send more is heard of there.
            if (incoming.state !== 'closed') {
              intake.receive(incoming.id, {
                data(bytes) {
                  if (incoming.state !== 'open' || !window.spend(bytes.length)) return false
                  take(bytes)
                  return true
                },
                settle,
              })
            }
            channel.resume()
            settle()
          }

          channel.on('end', () => sink.end())
          socket.on('drain', flush)
          peer.on('handshake', flush)
          channel.once('close', () => {
            intake.release(incoming.id)
            window.close()
            socket.off('drain', flush)
            peer.off('handshake', flush)
            writer.close()
            empty.resolve()
          })
          // When the caller has its port.
          queueMicrotask(begin)

          return {
            writer,
            credit(count) {
              const more = window.credit(count)
              if (more > 0) writer.adjust(more)
            },
            writeError: (bytes) => tellError(channel, bytes),
            drained() {
              waits = true
              flush()
              return empty.promise
            },
          }
        },
      }
    },
  }
}
