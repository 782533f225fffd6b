import type { ProtocolInside } from './peer.ts'

const CHANNEL_REQUEST = 98
const EXEC = Buffer.from('exec')
/** The message's number and the recipient channel, before the type (RFC 4254 §6.5). */
const HEAD = 1 + 4

/**
 * The command of an exec request as the bytes that came: ssh2 gives it as UTF-8, in which a name that is none is lost.
 * What it returns is asked for while ssh2 tells of the request; undefined where the packet did not come by here.
 */
export function execBytes(protocol: ProtocolInside): () => string | undefined {
  let command: string | undefined
  const onward = protocol._onPayload

  function onPayload(payload: Buffer): unknown {
    if (payload[0] !== CHANNEL_REQUEST) return onward(payload)
    command = commandOf(payload)
    try {
      return onward(payload)
    } finally {
      command = undefined
    }
  }

  // Kept by ssh2 for the deciphers of later key exchanges, too.
  protocol._onPayload = onPayload
  protocol._decipher._onPayload = onPayload
  return () => command
}

/** A byte string; undefined for any other request, and for one whose lengths are wrong. */
function commandOf(payload: Buffer): string | undefined {
  const type = stringAt(payload, HEAD)
  // Behind the type: whether an answer is wanted, one byte.
  if (type?.equals(EXEC) !== true) return undefined
  return stringAt(payload, HEAD + 4 + EXEC.length + 1)?.toString('latin1')
}

function stringAt(payload: Buffer, at: number): Buffer | undefined {
  if (payload.length < at + 4) return undefined
  const end = at + 4 + payload.readUInt32BE(at)
  return end > payload.length ? undefined : payload.subarray(at + 4, end)
}
