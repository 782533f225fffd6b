import type { Socket } from 'node:net'
import type { ProtocolInside } from '../peer.ts'

const KEXINIT = 20
const CHANNEL_DATA = 94
/** The message's number, recipient channel, length of the string (RFC 4254 §5.2). */
const DATA_HEAD = 1 + 4 + 4

/** Takes the data of one channel. */
export interface Receiver {
  /** True when they were taken; lent until `settle`. False: ssh2 is given the packet. */
  data(bytes: Uint8Array): boolean
  /** All packets of this turn of the socket were given; called when any was, or `stirred`. */
  settle(): void
}

/** The input of one connection, packet by packet as ssh2's decipher opens them in the read buffer. */
export interface Intake {
  /** From now on data of the channel with our number `id` go to `receiver`. */
  receive(id: number, receiver: Receiver): void
  release(id: number): void
  /** `settle` of this channel is wanted at the end of the turn, though no data came. */
  stir(id: number): void
}

/**
 * Takes the place between ssh2's decipher, which opens packets where they lie, and its handlers. Data of channels
 * that were asked for go straight to them; every other packet goes on to ssh2 as a copy, for ssh2 keeps pieces of
 * some, and the read buffer is used again at once.
 */
export function takeIn(protocol: ProtocolInside, socket: Socket): Intake {
  const receivers = new Map<number, Receiver>()
  /** The first `count` of them; most often one, for which a Set or an array that becomes empty would make its table anew. */
  const stirred: (Receiver | undefined)[] = []
  let count = 0
  const onward = protocol._onPayload

  // Kept by ssh2 for the deciphers of later key exchanges, too.
  protocol._onPayload = onPayload
  // The peer may have begun an exchange already: that goes on, or neither side would say anything more.
  if (protocol._decipher._onPayload === onward) protocol._decipher._onPayload = onPayload
  else copyExchange()

  function onPayload(payload: Buffer): unknown {
    if (payload.length >= DATA_HEAD && payload[0] === CHANNEL_DATA && take(payload)) return undefined
    const next = onward(Buffer.from(payload))
    if (payload[0] === KEXINIT) copyExchange()
    return next
  }

  function take(payload: Buffer): boolean {
    const receiver = receivers.get(payload.readUInt32BE(1))
    const length = payload.readUInt32BE(5)
    if (receiver === undefined || length > payload.length - DATA_HEAD) return false
    if (!receiver.data(payload.subarray(DATA_HEAD, DATA_HEAD + length))) return false
    wake(receiver)
    return true
  }

  function wake(receiver: Receiver): void {
    if (!stirred.includes(receiver)) stirred[count++] = receiver
  }

  /** What ssh2 hears of a key exchange is its own, too. */
  function copyExchange(): void {
    const { _decipher: decipher } = protocol
    const exchange = decipher._onPayload
    if (exchange !== onPayload) decipher._onPayload = (payload) => exchange(Buffer.from(payload))
  }

  /** A packet that was whole in this read while its tag was not: ssh2 holds the piece of the buffer until the next. */
  function keepPacket(chunk: Buffer): void {
    const { _decipher: decipher } = protocol
    const packet = decipher._packet
    if (packet?.buffer === chunk.buffer) decipher._packet = Buffer.from(packet)
  }

  // Behind ssh2's own listener: the packets of this read were all given.
  socket.on('data', (chunk: Buffer) => {
    keepPacket(chunk)
    if (count === 0) return
    protocol._onPacket()
    for (let at = 0; at < count; at++) {
      const receiver = stirred[at]
      stirred[at] = undefined
      receiver?.settle()
    }
    count = 0
  })

  return {
    receive: (id, receiver) => void receivers.set(id, receiver),
    release(id) {
      const receiver = receivers.get(id)
      const at = stirred.indexOf(receiver)
      if (at >= 0) stirred[at] = undefined
      receivers.delete(id)
    },
    stir(id) {
      const receiver = receivers.get(id)
      if (receiver !== undefined) wake(receiver)
    },
  }
}
