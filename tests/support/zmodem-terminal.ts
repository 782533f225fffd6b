import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

/** `get` begins to send. */
export const WANTS_TO_SEND = /\*\*\x18B00/
/** `put` waits for a sender. */
export const WANTS_TO_RECEIVE = /\*\*\x18B01/

// What the session says after a transfer may arrive before the end of `rz` or `sz` is known here: it is kept.
const KEPT = 16_384

/** A person's terminal that knows ZMODEM: when the session starts one, the real lrzsz is put on it. */
export class ZmodemTerminal {
  readonly #ssh
  #seen = ''
  #look = (): void => {}
  #ended: string | undefined
  #peer: ReturnType<typeof spawn> | undefined
  /** Bytes that went by during the last transfer, both ways. */
  moved = 0

  constructor(sshConfig: string) {
    this.#ssh = spawn('ssh', ['-tt', '-e', 'none', '-F', sshConfig, 'ftp'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#ssh.stdin.on('error', () => {})
    this.#ssh.once('exit', (status) => {
      this.#ended = `ssh ended with ${status}`
      this.#look()
    })
    this.#ssh.stdout.on('data', (chunk: Buffer) => {
      const to = this.#peer?.stdin
      if (to?.write(chunk) === false) this.#hold(this.#ssh.stdout, to)
      this.#seen = (this.#seen + chunk.toString('latin1')).slice(-KEPT)
      this.#look()
    })
  }

  type(line: string): void {
    this.#ssh.stdin.write(`${line}\r`)
  }

  async sees(wanted: RegExp): Promise<string> {
    while (!wanted.test(stripVTControlCharacters(this.#seen))) {
      if (this.#ended !== undefined) throw new Error(`${this.#ended} before ${wanted} was seen`)
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
    const seen = this.#seen
    this.#seen = ''
    return seen
  }

  /** A new prompt: the last one may have gone to `rz` or `sz`. */
  async prompt(): Promise<void> {
    this.type('')
    await this.sees(/> $/)
  }

  /** Puts `rz` or `sz` on the session until it ends, or until `cut` bytes went by. */
  async bridge(
    start: RegExp,
    program: string,
    args: readonly string[],
    cwd: string,
    cut = Number.POSITIVE_INFINITY,
  ): Promise<number | null> {
    const seen = await this.sees(start)
    const peer = spawn(program, ['-b', '-q', ...args], { cwd, stdio: ['pipe', 'pipe', 'ignore'] })
    peer.stdin.on('error', () => {})
    this.moved = 0
    this.#peer = peer
    peer.stdin.write(Buffer.from(seen.slice(seen.search(start)), 'latin1'))
    peer.stdout.on('data', (chunk: Buffer) => {
      if (!this.#ssh.stdin.write(chunk)) this.#hold(peer.stdout, this.#ssh.stdin)
    })
    const counted = (chunk: Buffer): void => {
      this.moved += chunk.length
      if (this.moved > cut) peer.kill('SIGKILL')
    }
    peer.stdout.on('data', counted)
    this.#ssh.stdout.on('data', counted)
    const status = await new Promise<number | null>((resolve) => peer.once('close', resolve))
    this.#ssh.stdout.off('data', counted)
    this.#peer = undefined
    return status
  }

  /** As a terminal does: who sends faster than the other takes waits. It goes on too when the other has ended. */
  #hold(source: Readable, sink: Writable): void {
    if (sink.destroyed) return
    source.pause()
    const go = (): void => {
      sink.off('drain', go).off('close', go)
      source.resume()
    }
    sink.on('drain', go).on('close', go)
  }

  cancel(): void {
    this.#ssh.stdin.write('\x18'.repeat(8))
  }

  close(): void {
    this.#ssh.kill('SIGKILL')
  }
}
