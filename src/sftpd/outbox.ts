import { isOpError, type OpError } from '../base/error.ts'
import { escapeText, shown, textBytes } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import type { PacketPort } from '../ssh/session.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import { encodeOk, encodeReply, type Reply, type WrittenReply } from '../wire/replies.ts'
import { statusOf } from '../wire/status.ts'

/** Files whose refusal was told; more than that are not remembered, and so not told. */
const MOST_TOLD = 1024

/**
 * Clients behind which another program speaks SFTP (sftp, sshfs, restic), that may leave out what a status says. To
 * others stderr brings nothing, and phpseclib takes it for SFTP.
 */
const SHOWS_STDERR = /^(?:SSH-2\.0-)?(?:OpenSSH|dropbear|PuTTY)/

/** What is sent to the client, in the order of its requests; and what is told beside it when something fails. */
export class Outbox {
  readonly port: PacketPort
  readonly #log: Log
  readonly #told = new Set<string>()
  readonly #onStderr: boolean

  constructor(port: PacketPort, log: Log, client: string) {
    this.port = port
    this.#log = log
    this.#onStderr = SHOWS_STDERR.test(client)
  }

  ok(id: number): void {
    this.port.writer.put(encodeOk(id))
  }

  /** Answers with its size on the wire, in bytes. */
  reply(id: number, reply: Reply | WrittenReply): number {
    const packet = encodeReply(id, reply)
    this.port.writer.put(packet)
    return packet.length
  }

  /** The status of a failure. A full quota or disk is logged once a file, and also said on stderr where that is shown; a failure of ours goes to the log. */
  fail(
    id: number,
    error: unknown,
    about: { readonly request: string; readonly path?: VirtualPath | undefined },
  ): void {
    this.reply(id, statusOf(error))
    const path = about.path ?? (isOpError(error) ? error.path : undefined)
    const fields = { request: about.request, path: path === undefined ? undefined : shown(path) }
    if (!isOpError(error)) this.#log.error('request failed', error, fields)
    else if (error.code === 'EDQUOT' || error.code === 'ENOSPC') this.#full(error, path ?? '', fields)
    else
      this.#log.debug('request refused', { ...fields, code: error.code, message: escapeText(error.message) })
  }

  #full(
    { code, message }: OpError,
    path: string,
    fields: { readonly request: string; readonly path: string | undefined },
  ): void {
    if (this.#told.has(path) || this.#told.size >= MOST_TOLD) return
    this.#told.add(path)
    this.#log.info(code === 'EDQUOT' ? 'quota refused' : 'disk full', {
      ...fields,
      message: escapeText(message),
    })
    if (this.#onStderr) this.port.writeError(Buffer.from(`${textBytes(message)}\r\n`, 'latin1'))
  }
}
