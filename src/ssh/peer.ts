import type { Socket } from 'node:net'
import type ssh2 from 'ssh2'
import type { Cipher } from './fast/seal.ts'
import type { HybridProtocol } from './hybrid-exchange.ts'

/** What we touch of ssh2 1.17.0 beside its documented events. Checked at start by `whyNotFast`. */
export interface PeerInside {
  readonly _protocol: ProtocolInside
  readonly _sock: Socket
  readonly _chanMgr: { get(id: number): ChannelInside | undefined; remove(id: number): void }
}
export interface ProtocolInside extends HybridProtocol {
  readonly _handlers: Record<string, Handler | undefined>
  /** Undefined after the end. */
  _destruct: unknown
  /** What waits for the end of a key exchange. */
  readonly _queue: readonly Uint8Array[] | undefined
  /** Our KEXINIT while a key exchange runs. */
  readonly _kexinit: Buffer | undefined
  readonly _cipher: Cipher
  /** `_packet`: what it has of a packet that is not whole. */
  readonly _decipher: { _onPayload: OnPayload; _packet: Uint8Array | null }
  /** Given to each new decipher. */
  _onPayload: OnPayload
  /** Opens what was read, to its end or as far as `_parse` came; `_parse` gives where it stopped. */
  parse(chunk: Buffer, from: number, to: number): void
  _parse(chunk: Buffer, from: number, to: number): number | undefined
  /** Sends what is sealed; given to each new cipher. */
  _onWrite(data: Uint8Array): void
  /** Something came: the keepalive's count begins again. */
  _onPacket(): void
  channelOpenFail(recipient: number, reason: number, text: string): void
  channelClose(recipient: number): void
  disconnect(reason: number): void
  serviceAccept(service: string): void
}
/** An opened packet without its padding; what it returns is the decipher's business. */
export type OnPayload = (payload: Buffer) => unknown
export type Handler = (protocol: ProtocolInside, ...args: never[]) => unknown

/** A channel of ssh2, or its Session before a request started one (then `_chanInfo` and perhaps `_channel`). */
export interface ChannelInside {
  readonly incoming?: Half
  readonly outgoing?: Half
  readonly _chanInfo?: { readonly incoming: Half; readonly outgoing: Half }
  readonly _channel?: ChannelInside
}
/** One direction of a channel, as ssh2 counts it. */
export interface Half {
  readonly id: number
  window: number
  packetSize: number
  state: string
}

export function insideOf(peer: ssh2.Connection): PeerInside {
  return peer as unknown as PeerInside
}

export function halvesOf(channel: ssh2.ServerChannel): { readonly incoming: Half; readonly outgoing: Half } {
  return channel as unknown as { readonly incoming: Half; readonly outgoing: Half }
}
