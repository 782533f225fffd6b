import { Trace } from '../../src/wire/trace.ts'
import { startSftp } from '../support/running-sftp.ts'

/**
 * A trace is comments (`#`), what is there before (`+ /path "content"`), requests (`>`), their answers (`<`),
 * and what is there in the end (`=`). Requests without an answer between them are sent in one turn.
 */
export async function replay(lines: readonly string[]): Promise<string[]> {
  const client = lines.find((line) => line.startsWith('# client: '))?.slice(10)
  const running = await startSftp(client === undefined ? {} : { client })
  const trace = new Trace()
  const out: string[] = []
  let waiting: string[] = []
  const send = async (): Promise<void> => {
    const requests = waiting.map((line) => trace.parse(line))
    waiting = []
    running.ask(...requests)
    for (const _ of requests) {
      const { id, reply } = await running.reply()
      out.push(`< ${trace.reply(id, reply)}`)
    }
  }
  for (const line of lines) {
    const [mark, rest] = [line[0], line.slice(2)]
    if (mark !== '>') await send()
    if (mark === '<') continue
    if (mark === '+') running.vfs.put(...fileOf(rest))
    if (mark === '>') waiting.push(rest)
    if (mark === '=') {
      const path = rest.split(' ')[0]!
      const data = running.vfs.text(path)
      out.push(`= ${path}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`)
    } else out.push(line)
  }
  await send()
  return out
}

function fileOf(text: string): [path: string, data: string] {
  const space = text.indexOf(' ')
  return [text.slice(0, space), JSON.parse(text.slice(space + 1))]
}
