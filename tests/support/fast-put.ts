import { readFileSync } from 'node:fs'
// @ts-expect-error It has no types.
import SftpClient from 'ssh2-sftp-client'

/** ssh2-sftp-client's fastPut as a program, as ada: PORT KEY LOCAL NAME. */
const [port, key, local, name] = process.argv.slice(2) as [string, string, string, string]
const client = new SftpClient()
client.on('error', () => {})
try {
  const privateKey = readFileSync(key)
  await client.connect({ host: '127.0.0.1', port: Number(port), username: 'ada', privateKey, retries: 0 })
  await client.fastPut(local, name)
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await client.end().catch(() => {})
}
