import { Socket } from 'node:net'

/** One read takes at most so much: long enough for many packets, short enough to stay in the processor's cache. */
const SIZE = 512 * 1024

/** One buffer for what all sockets read, instead of new memory for each read. */
export interface ReadBuffer {
  /** The same connection, read into the buffer; `accepted` is empty afterwards. Its 'data' are copies until `lends`. */
  take(accepted: Socket): Socket
  /** From now on the 'data' of this socket lie in the buffer, and last until its listeners return. */
  lends(socket: Socket): void
}

export function openReadBuffer(): ReadBuffer {
  const buffer = Buffer.allocUnsafeSlow(SIZE)
  const lending = new WeakSet<Socket>()
  return {
    take(accepted) {
      const inside = accepted as unknown as { _handle: unknown }
      const handle = inside._handle
      if (!readsIntoOwn(handle)) return accepted
      inside._handle = null
      accepted.destroy()
      const options = {
        handle,
        onread: {
          buffer,
          callback(count: number): boolean {
            const bytes = buffer.subarray(0, count)
            socket.emit('data', lending.has(socket) ? bytes : Buffer.from(bytes))
            return true
          },
        },
        pauseOnCreate: true,
      }
      const socket: Socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
      return socket
    },
    lends: (socket) => void lending.add(socket),
  }
}

/** Node's TCP handle (lib/net.js). */
function readsIntoOwn(handle: unknown): boolean {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle
}
