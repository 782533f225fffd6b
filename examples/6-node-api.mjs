// The client inside a program: sends a file, asks the server for its MD5, fetches it back.
//
//   MINIFTP_PASSWORD=123 node_modules/.bin/node examples/6-node-api.mjs [[user@]host[:port]] [SSH_CONFIG]
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, isOpError } from 'miniftp'

const [host = 'zhangsan@127.0.0.1:8808', config] = process.argv.slice(2)
const folder = await mkdtemp(join(tmpdir(), 'miniftp-example-'))
try {
  await using client = await connect({ host, config, password: process.env.MINIFTP_PASSWORD })
  await writeFile(join(folder, 'hello.txt'), 'Hello from a program\n')

  const [sent] = await client.put(join(folder, 'hello.txt'), 'hello-from-node.txt', {
    force: true,
    onProgress: ({ done, size }) => console.log(`${done} of ${size} bytes`),
  })
  console.log(`sent: ${sent.did}, MD5 ${sent.md5}, verified: ${sent.verified}`)
  console.log(`the server says ${await client.md5('hello-from-node.txt')}`)

  await client.get('hello-from-node.txt', join(folder, 'back.txt'))
  console.log((await readFile(join(folder, 'back.txt'), 'utf8')).trim())

  for (const { name, size } of await client.list()) console.log(`${name} (${size} bytes)`)
  await client.remove('hello-from-node.txt')
  await client.remove('hello-from-node.txt').catch((error) => {
    if (!isOpError(error, 'ENOENT')) throw error
    console.log(`gone: ${error.message}`)
  })
} finally {
  await rm(folder, { recursive: true })
}
