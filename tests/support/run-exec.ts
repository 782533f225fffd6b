import { once } from 'node:events'
import type ssh2 from 'ssh2'

export interface ExecDone {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * One command over an open connection of ssh2, to its end; rejects when it ends without a status.
 * The listeners stand before the callback returns: one read may hold the answer, the status and the end, and ssh2 tells
 * of them all before whoever awaits the answer goes on.
 */
export async function runExec(client: ssh2.Client, command: string, input = ''): Promise<ExecDone> {
  const said = { stdout: '', stderr: '' }
  const [status] = await new Promise<readonly unknown[]>((resolve, reject) =>
    client.exec(command, (error, channel) => {
      if (error) return reject(error)
      channel.on('data', (bytes: Buffer) => {
        said.stdout += bytes.toString()
      })
      channel.stderr.on('data', (bytes: Buffer) => {
        said.stderr += bytes.toString()
      })
      resolve(Promise.all([once(channel, 'close'), once(channel.stderr, 'close')]).then(([first]) => first))
      channel.end(input)
    }),
  )
  if (typeof status !== 'number') throw new Error(`"${command}" ended without a status: ${said.stderr}`)
  return { status, ...said }
}
