import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { remoteHashes } from '../../../src/client/remote-hash.ts'
import type { Dialed } from '../../../src/ssh/dial.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { encodeVersion } from '../../../src/wire/replies.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'

test('MD5s of a server that runs no commands: small files that are asked for together are not told of, and it is asked once', async () => {
  const channel = new MemoryChannel()
  const commands: string[] = []
  const dialed = {
    alive: () => true,
    async subsystem(_: string, sink: Parameters<Dialed['subsystem']>[1]) {
      void channel.packet().then(() => channel.send(encodeVersion({ version: 3, extensions: [] })))
      return { ...channel.packets(sink), close() {} }
    },
    async exec(command: string) {
      commands.push(command)
      throw new OpError('ENOTSUP', 'The server refused it: Unable to exec')
    },
  } as unknown as Dialed
  const hashes = remoteHashes(dialed)

  const sums = await Promise.all(['/a', '/b', '/c'].map((path) => hashes.ofSmall(virtualPath(path))))

  assert.deepEqual(sums, [undefined, undefined, undefined])
  assert.deepEqual(commands, ['md5sum /a /b /c'])
})
