import type { Stat } from '../vfs/vfs.ts'
import { encodeStat } from './attrs.ts'
import { packetOf } from './builder.ts'
import { Type } from './constants.ts'
import type { WrittenReply } from './replies.ts'

/**
 * A NAME reply (draft-02 §7) that is written while its names are read. Of a long listing only bytes are held so: an
 * object for each name, kept until the reply is sent, outlives the collector's young memory and costs more than its encoding.
 */
export class NameList {
  readonly #builder
  #count = 0

  /** `room`: bytes that it will be about. */
  constructor(room: number) {
    // Its id is not known yet, nor how many there will be.
    this.#builder = packetOf(Type.name, room).uint32(0).uint32(0)
  }

  get count(): number {
    return this.#count
  }

  /** In bytes, as it will be sent. */
  get size(): number {
    return this.#builder.size
  }

  add(name: string, longname: string, stat: Stat): void {
    this.#count++
    this.#builder.text(name).text(longname)
    encodeStat(this.#builder, stat)
  }

  /** The list is not used again. */
  reply(): WrittenReply {
    return { type: 'packet', packet: this.#builder.put32(COUNT_AT, this.#count).packet() }
  }
}

/** Behind length, type and id. */
const COUNT_AT = 4 + 1 + 4
