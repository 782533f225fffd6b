// Records what a real client asks for over SFTP, and what it hears, as a trace that the tests replay:
//
//   npm run trace -- NAME [/path=TEXT …]      writes tests/trace/NAME.trace; the files are there before
//
// The server is the real porch and the real subsystem over a small tree in memory. The first session that ends is
// written down; use small files, for the trace holds their bytes.
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sftp } from '../src/sftpd/subsystem.ts'
import type { Session } from '../src/ssh/session.ts'
import { Frames } from '../src/wire/frames.ts'
import { decodeReply } from '../src/wire/replies.ts'
import { decodeRequest } from '../src/wire/requests.ts'
import { Trace } from '../src/wire/trace.ts'
import { memorySession } from '../tests/support/memory-channel.ts'
import { ADA, startPorch } from '../tests/support/start-porch.ts'
import { TinyVfs } from '../tests/support/tiny-vfs.ts'

const TRACES = fileURLToPath(new URL('../tests/trace', import.meta.url))
/** Longest line worth reading in a review. */
const MOST_LINE = 2_000

export interface Recording extends AsyncDisposable {
  readonly port: number
  /** The trace of the first session that ended. */
  readonly lines: Promise<readonly string[]>
}

/** Serves SFTP on a free port, over a tree that holds `files`, until one session was recorded. */
export async function record(files: ReadonlyMap<string, string>): Promise<Recording> {
  const recorded = Promise.withResolvers<readonly string[]>()
  const porch = await startPorch(async (session) => {
    if (session.request.type !== 'subsystem') return 1
    recorded.resolve(await relay(session, files))
    return 0
  })
  return {
    port: porch.port,
    lines: recorded.promise,
    [Symbol.asyncDispose]: () => porch[Symbol.asyncDispose](),
  }
}

/** Stands between the client and a session in memory, and writes down both. */
async function relay(session: Session, files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const vfs = new TinyVfs()
  const { client } = session.origin
  const lines = [`# client: ${client}`]
  for (const [path, text] of files) {
    vfs.put(path, text)
    lines.push(`+ ${path} ${JSON.stringify(text)}`)
  }
  const memory = memorySession({ client })
  const serving = sftp({ open: () => vfs })(memory.session)
  await Promise.resolve()
  const trace = new Trace()
  const frames = new Frames()
  for await (const chunk of session.channel.input) {
    frames.push(Buffer.from(chunk))
    const answers: Buffer[] = []
    const asked: Buffer[] = []
    for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
      const request = decodeRequest(packet)
      asked.push(framed(Buffer.concat([packet.bytes, ...packet.rest])))
      if (request.type !== 'init') lines.push(line('>', trace.request(request)))
    }
    // One turn, as the replay sends what has no answer in between.
    if (asked.length > 0) memory.channel.send(...asked)
    for (const request of asked) {
      const reply = await memory.channel.packet()
      if (request[4] !== 1) {
        const { id, reply: told } = decodeReply(reply)
        lines.push(line('<', trace.reply(id, told)))
      }
      answers.push(framed(reply))
    }
    if (answers.length > 0) await session.channel.write(Buffer.concat(answers))
  }
  memory.channel.sendEof()
  await serving
  for (const [path, { kind }] of vfs.nodes) {
    if (kind === 'file') lines.push(`= ${path} ${JSON.stringify(vfs.text(path))}`)
  }
  return lines
}

function line(mark: '>' | '<', text: string): string {
  if (text.length <= MOST_LINE) return `${mark} ${text}`
  throw new Error(`A packet of ${text.length} characters is too long for a trace: use smaller files`)
}

function framed(packet: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(packet.length)
  return Buffer.concat([length, packet])
}

async function main([name, ...files]: readonly string[]): Promise<void> {
  if (name === undefined || !/^[a-z0-9-]+$/.test(name)) {
    throw new Error('Say how the trace is called, in lower case: npm run trace -- winscp-resume /a.txt=1234')
  }
  const file = join(TRACES, `${name}.trace`)
  if (existsSync(file)) throw new Error(`There is a trace of this name: remove ${file} first`)
  const there = files.map((word): [string, string] => {
    const at = word.indexOf('=')
    if (at < 1 || !word.startsWith('/')) throw new Error(`"${word}" is no file: write /path=TEXT`)
    return [word.slice(0, at), word.slice(at + 1)]
  })
  await using recording = await record(new Map(there))
  console.log(`listening on 127.0.0.1:${recording.port}, the password is ${ADA.password}:`)
  console.log(`  sftp -P ${recording.port} ${ADA.name}@127.0.0.1`)
  const stopped = once(process, 'SIGINT').then(() => undefined)
  const lines = await Promise.race([recording.lines, stopped])
  if (lines === undefined) return
  writeFileSync(file, `${lines.join('\n')}\n`)
  console.log(`${file} has ${lines.length} lines: say in its first one what it shows, and run npm run ok`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`trace: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  })
}
