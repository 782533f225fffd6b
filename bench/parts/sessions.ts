import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'
import type { Server } from './servers.ts'
import type { Stage } from './stage.ts'

/** INIT of version 3: its length, type and version (draft-ietf-secsh-filexfer-02 §4). */
const INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3])

/** A login with the key, by ssh2's client: many of them cost this machine less than as many of OpenSSH's. */
export function login(stage: Stage, server: Server): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(client))
    client.on('error', reject)
    client.connect({
      host: '127.0.0.1',
      port: server.port,
      username: server.user,
      privateKey: readFileSync(stage.userKey),
      readyTimeout: 60_000,
    })
  })
}

/** Opens the SFTP subsystem and waits for VERSION. */
export function beginSftp(client: ssh2.Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.subsys('sftp', (error, stream) => {
      if (error) return reject(error)
      stream.once('data', () => resolve())
      stream.write(INIT)
    })
  })
}

/** `count` pieces of work, `width` of them at once. */
export async function atOnce(width: number, count: number, work: () => Promise<void>): Promise<void> {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: width }, worker))
}
