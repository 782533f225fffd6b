/**
 * Memory for the data of the one run of WRITEs that a session waits for. It is used again by the next: what is
 * allocated for each waits for the collector, and a slow disk would make the process grow by tens of MiB.
 */
export class KeptBytes {
  #memory = new Uint8Array(0)

  /** Copies each of `pieces` into one piece of its own, good until the next call. */
  keep(pieces: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] {
    let count = 0
    for (const views of pieces) for (const view of views) count += view.length
    if (this.#memory.length < count) this.#memory = Buffer.allocUnsafeSlow(count)
    let at = 0
    return pieces.map((views) => {
      const begin = at
      for (const view of views) {
        this.#memory.set(view, at)
        at += view.length
      }
      return this.#memory.subarray(begin, at)
    })
  }
}
