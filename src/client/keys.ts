import { emitKeypressEvents, type Interface, type Key } from 'node:readline'
import { PassThrough } from 'node:stream'

/** Bytes that a person types at a time, also over a slow line: not a paste, and a Tab in it is a key. */
const TYPED = 64

/** Keys of a terminal on their way to readline, which takes and echoes all at once: a paste of several lines, too. */
export interface HeldKeys {
  /** What readline reads instead of the terminal. */
  readonly stream: NodeJS.ReadableStream
  /** Begins to give them to `lines`; ends when that is closed. */
  feed(lines: Interface): void
  /** What is typed from now on waits; ^C gives it up and is given on, and so is ^Z. */
  hold(): void
  /** What waits is given on, up to where it is held again. */
  go(): void
}

export function heldKeys(input: NodeJS.ReadStream): HeldKeys {
  const stream = new PassThrough()
  const waiting: (readonly [text: string | undefined, key: Key, isPasted: boolean])[] = []
  let isPaste = false
  let reader: Interface | undefined
  let isHeld = false
  /** readline looks for what Tab may put there. */
  let isPaused = false

  const flow = (): void => {
    while (!isHeld && !isPaused) {
      const next = waiting.shift()
      if (next === undefined) return
      const [text, key, isPasted] = next
      // Node takes all that comes in one piece for a paste.
      Object.assign(reader!, { isCompletionEnabled: !isPasted })
      stream.emit('keypress', text, key)
    }
  }
  const typed = (text: string | undefined, key: Key): void => {
    const interrupts = key.ctrl === true && key.name === 'c'
    if (interrupts) waiting.length = 0
    if (isHeld && (interrupts || (key.ctrl === true && key.name === 'z'))) stream.emit('keypress', text, key)
    else {
      waiting.push([text, key, isPaste])
      flow()
    }
  }

  return {
    stream,
    feed(lines) {
      reader = lines
      const measure = ({ length }: Buffer | string): void => {
        isPaste = length > TYPED
      }
      input.on('data', measure)
      emitKeypressEvents(input, lines)
      const end = (): void => lines.close()
      input.on('keypress', typed).once('end', end)
      lines.on('pause', () => {
        isPaused = true
      })
      lines.on('resume', () => {
        isPaused = false
        // What was found is put into the line first.
        setImmediate(flow)
      })
      lines.once('close', () => {
        input.off('keypress', typed).off('end', end).off('data', measure)
        input.setRawMode(false)
        input.pause()
      })
      input.setRawMode(true)
      input.resume()
    },
    hold() {
      isHeld = true
    },
    go() {
      isHeld = false
      flow()
    },
  }
}
