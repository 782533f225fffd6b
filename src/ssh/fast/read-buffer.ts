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
            if (count === SIZE) othersFirst(socket, handle)
            return true
          },
        },
        pauseOnCreate: true,
      }
      const socket: Socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
      return socket
    },
    lends: (socket) => void lending.add(socket),
  }
}

/**
 * Reads on in the next turn of the loop. After a full read libuv would try again at once, up to 32 times, before it looks
 * at another socket: 16 MiB.
 */
function othersFirst(socket: Socket, handle: Handle): void {
  if (socket.destroyed) return
  handle.readStop()
  setImmediate(() => {
    // Not if it was paused meanwhile.
    if (!socket.destroyed && handle.reading) handle.readStart()
  })
}

/** Node's TCP handle (lib/net.js); `reading`: as far as the socket knows. */
interface Handle {
  readonly reading: boolean
  readStart(): number
  readStop(): number
  useUserBuffer(buffer: Uint8Array): void
}

function readsIntoOwn(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle
}
