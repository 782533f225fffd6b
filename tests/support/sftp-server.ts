import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { decodeReply, type Reply } from '../../src/wire/replies.ts'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'

const PLACES = ['/usr/lib/openssh', '/usr/libexec/openssh', '/usr/lib/ssh', '/usr/libexec']

/** OpenSSH's own server, where it is installed. */
export const SFTP_SERVER = PLACES.map((folder) => `${folder}/sftp-server`).find(existsSync)

/** The `program` over pipes, one request at a time. Paths that are not absolute begin in `folder`. */
export function sftpServer(
  program: string,
  folder: string,
): Disposable & { ask(request: Request): Promise<Reply> } {
  const child = spawn(program, ['-d', folder], { stdio: ['pipe', 'pipe', 'ignore'] })
  const packets = packetsOf(child.stdout)
  child.stdin.write(encodeRequest({ type: 'init', version: 3 }))
  const version = packets.next()
  return {
    async ask(request) {
      await version
      child.stdin.write(encodeRequest(request))
      const { value } = await packets.next()
      if (value === undefined) throw new Error('The server ended')
      return decodeReply(value).reply
    },
    [Symbol.dispose]: () => void child.kill(),
  }
}

async function* packetsOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0)
  for await (const bytes of stream) {
    held = Buffer.concat([held, bytes])
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const end = 4 + held.readUInt32BE(0)
      yield held.subarray(4, end)
      held = held.subarray(end)
    }
  }
}
