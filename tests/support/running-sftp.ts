import assert from 'node:assert/strict'
import { type SftpParts, sftp } from '../../src/sftpd/subsystem.ts'
import type { VirtualFileSystem } from '../../src/vfs/vfs.ts'
import type { Reply, Version } from '../../src/wire/replies.ts'
import type { Request } from '../../src/wire/requests.ts'
import { type Harness, memorySession } from './memory-channel.ts'
import { TinyVfs } from './tiny-vfs.ts'

/** An SFTP session over a memory channel, past its INIT. */
export interface RunningSftp<T extends VirtualFileSystem = TinyVfs> extends Harness {
  readonly vfs: T
  readonly hello: Version
  readonly ended: Promise<number>
  /** Sends the requests in one turn and gives their answers; each must bear its request's id. */
  answers(...requests: readonly Request[]): Promise<readonly Reply[]>
  /** Sends one request, whose answer must be of this type. */
  answer<Type extends Reply['type']>(type: Type, request: Request): Promise<Extract<Reply, { type: Type }>>
}

type Options = NonNullable<Parameters<typeof memorySession>[0]> & Omit<SftpParts, 'open'>

export async function startSftp(options: Options = {}): Promise<RunningSftp> {
  return await startSftpOver(new TinyVfs(), options)
}

export async function startSftpOver<T extends VirtualFileSystem>(
  vfs: T,
  { client, log, ...parts }: Options = {},
): Promise<RunningSftp<T>> {
  const harness = memorySession({ ...(client && { client }), ...(log && { log }) })
  const ended = sftp({ open: () => vfs, ...parts })(harness.session)
  await Promise.resolve()
  harness.ask({ type: 'init', version: 3 })
  const hello = await harness.version()
  const answers = async (...requests: readonly Request[]): Promise<readonly Reply[]> => {
    harness.ask(...requests)
    const all: Reply[] = []
    for (const request of requests) {
      const { id, reply } = await harness.reply()
      assert.equal(id, 'id' in request ? request.id : undefined)
      all.push(reply)
    }
    return all
  }
  const answer = async <Type extends Reply['type']>(
    type: Type,
    request: Request,
  ): Promise<Extract<Reply, { type: Type }>> => {
    const [reply] = await answers(request)
    if (!isOf(reply!, type)) assert.fail(`${type} expected, not ${JSON.stringify(reply)}`)
    return reply
  }
  return { ...harness, vfs, hello, ended, answers, answer }
}

function isOf<Type extends Reply['type']>(reply: Reply, type: Type): reply is Extract<Reply, { type: Type }> {
  return reply.type === type
}

/** A WRITE of this text. */
export function writeOf(id: number, handle: string, offset: number, text: string | Buffer): Request {
  const data = Buffer.from(text as string, 'latin1')
  return { type: 'write', id, handle, offset, data: data.length === 0 ? [] : [data], length: data.length }
}

/** Opens a file, for all there is unless told otherwise. */
export async function openFile(
  running: RunningSftp<VirtualFileSystem>,
  path: string,
  flags = {},
): Promise<string> {
  const all = { read: true, write: true, create: true, ...flags }
  const { handle } = await running.answer('handle', { type: 'open', id: 0, path, flags: all, attrs: {} })
  return handle
}
