import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Outlet } from '../../../../src/ssh/fast/outlet.ts'
import { pastQueue, type Send } from '../../../../src/ssh/fast/past-queue.ts'

/** A socket to send by, and the other end of it. */
async function pair(work: (socket: Socket, peer: Socket) => Promise<void>): Promise<void> {
  await using server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  const [socket] = (await once(server, 'connection')) as [Socket]
  try {
    await work(socket, peer)
  } finally {
    socket.destroy()
    peer.destroy()
  }
}

test('past the queue: what the kernel does not take is sent by the stream, in order, to the last byte', async () => {
  await pair(async (socket, peer) => {
    const all = Buffer.alloc(48 * 1024 * 1024)
    for (let at = 0; at < all.length; at += 4) all.writeUInt32LE(at, at)
    const counts: number[] = []
    const send = pastQueue(socket)
    const counted: Send = (bytes, from, to) => {
      assert.equal(socket.writableLength, 0)
      const taken = send(bytes, from, to)
      counts.push(taken)
      return taken
    }
    const outlet = new Outlet(
      socket,
      counted,
      () => {},
      () => {},
    )

    const received: Buffer[] = []
    peer.on('data', (chunk: Buffer) => received.push(chunk))
    peer.pause()
    const step = 300_004
    for (let at = 0; at < all.length; at += step) {
      outlet.add(all, undefined, at, Math.min(at + step, all.length))
      outlet.commit()
      // What lies in the kernel is read now and then: it is empty, full, and full in the middle.
      if ((at / step) % 40 !== 39) continue
      peer.resume()
      while (socket.writableLength > 0) await once(socket, 'drain')
      peer.pause()
    }
    peer.resume()
    socket.end()
    await once(peer, 'end')

    assert.ok(Buffer.concat(received).equals(all))
    assert.ok(counts.includes(step), 'none was taken whole')
    assert.ok(
      counts.some((count) => count < step),
      'all were taken whole',
    )
  })
})

// Its number is another's: a file of Ada's would have got a packet.
test('past the queue: nothing is sent by a socket that was closed', async () => {
  await pair(async (socket) => {
    const send = pastQueue(socket)
    const number = (socket as unknown as { _handle: { fd: number } })._handle.fd
    assert.equal(send(Buffer.from('hello'), 0, 5), 5)

    socket.destroy()
    await once(socket, 'close')
    const folder = fs.mkdtempSync(join(tmpdir(), 'past-'))
    const files: number[] = []
    try {
      do files.push(fs.openSync(join(folder, String(files.length)), 'w'))
      while (files.at(-1) !== number)
      assert.equal(send(Buffer.from('hello'), 0, 5), 0)
      assert.equal(fs.fstatSync(number).size, 0)
    } finally {
      for (const file of files) fs.closeSync(file)
      fs.rmSync(folder, { recursive: true })
    }
  })
})

test('past the queue: what went wrong is for the stream to say', async () => {
  await pair(async (socket, peer) => {
    // Nothing is read, so that only who writes hears of it.
    socket.pause()
    const send = pastQueue(socket)
    if (peer.connecting) await once(peer, 'connect')
    peer.resetAndDestroy()
    await once(peer, 'close')
    while (send(Buffer.of(1), 0, 1) > 0) await new Promise((resolve) => setImmediate(resolve))

    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      socket.once('error', resolve)
      socket.write('x')
    })

    assert.match(error.code ?? '', /ECONNRESET|EPIPE/)
  })
})
