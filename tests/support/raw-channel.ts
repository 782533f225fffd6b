import type ssh2 from 'ssh2'
import { type RawClient, rawClient } from './raw-client.ts'

/** A channel whose window the test opens itself, on a connection of its own, with exec sent and accepted. */
export interface RawChannel extends Disposable, Pick<RawClient, 'holdExchange'> {
  /** What came, in the order it came: data by their bytes, everything else by its name. */
  readonly heard: (Buffer | string)[]
  /** Bytes that the server lets us send. */
  allowed(): number
  send(data: Buffer): void
  sendEof(): void
  /** All in one write: the data, the end of them, and CLOSE. */
  sendAndLeave(data: Buffer): void
  adjust(count: number): void
  rekey(): void
  /** The server has answered something sent after everything else. */
  answered(): Promise<unknown>
  /** All data that came. */
  data(): Buffer
  /** Resolves when `holds`, looked at whenever something comes. */
  until(holds: () => boolean): Promise<void>
}

export async function rawChannel(
  port: number,
  {
    window = 2 * 1024 * 1024,
    packetSize = 32 * 1024,
    algorithms = {} as ssh2.Algorithms,
  }: { window?: number; packetSize?: number; algorithms?: ssh2.Algorithms } = {},
): Promise<RawChannel> {
  const client = await rawClient(port, true, algorithms)
  const { protocol } = client
  const opened = client.next('CHANNEL_OPEN_CONFIRMATION', 'CHANNEL_OPEN_FAILURE')
  protocol.session(0, window, packetSize)
  const [info] = (await opened).args as [{ readonly sender: number; readonly window: number }]
  const remote = info.sender
  let allowed = info.window

  const heard: (Buffer | string)[] = []
  let look = (): void => {}
  const hear = (what: Buffer | string): void => {
    heard.push(what)
    look()
  }
  const on = (name: string, then: (...args: never[]) => void): void => {
    protocol._handlers[name] = (_, ...args) => then(...(args as never[]))
  }
  on('CHANNEL_DATA', (_id: number, data: Buffer) => hear(Buffer.from(data)))
  on('CHANNEL_EXTENDED_DATA', () => hear('stderr'))
  on('CHANNEL_WINDOW_ADJUST', (_id: number, count: number) => {
    allowed += count
    hear('adjust')
  })
  on('CHANNEL_REQUEST', (_id: number, name: string) => hear(name))
  on('CHANNEL_EOF', () => hear('eof'))
  on('CHANNEL_CLOSE', () => hear('close'))
  void client.next('nothing').then(() => hear('cut'))
  const started = client.next('CHANNEL_SUCCESS', 'CHANNEL_FAILURE')
  protocol.exec(remote, 'serve', true)
  await started

  return {
    heard,
    allowed: () => allowed,
    send(data) {
      allowed -= data.length
      protocol.channelData(remote, data)
    },
    sendEof: () => protocol.channelEOF(remote),
    sendAndLeave(data) {
      client.together(() => {
        protocol.channelData(remote, data)
        protocol.channelEOF(remote)
        protocol.channelClose(remote)
      })
    },
    adjust: (count) => protocol.channelWindowAdjust(remote, count),
    rekey: () => protocol.rekey(),
    holdExchange: () => client.holdExchange(),
    answered() {
      const answer = client.next('REQUEST_FAILURE', 'REQUEST_SUCCESS')
      protocol.ping()
      return answer
    },
    data: () => Buffer.concat(heard.filter((what) => typeof what !== 'string')),
    until(holds) {
      return new Promise((resolve) => {
        look = () => {
          if (holds()) resolve()
        }
        look()
      })
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}
