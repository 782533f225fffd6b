/** Which bytes of a new file were written, to know where it has a hole. Offsets in bytes. */
export class Extents {
  /** Everything below this was written. */
  #prefix: number
  /** Runs beyond it, sorted, apart from each other. */
  #runs: { from: number; to: number }[] = []

  constructor(prefix: number) {
    this.#prefix = prefix
  }

  get prefix(): number {
    return this.#prefix
  }

  get hasHole(): boolean {
    return this.#runs.length > 0
  }

  add(from: number, to: number): void {
    if (to <= from) return
    if (from <= this.#prefix && this.#runs.length === 0) {
      this.#prefix = Math.max(this.#prefix, to)
      return
    }
    let run = { from, to }
    const apart: { from: number; to: number }[] = []
    for (const other of this.#runs) {
      if (other.to < run.from || other.from > run.to) apart.push(other)
      else run = { from: Math.min(run.from, other.from), to: Math.max(run.to, other.to) }
    }
    apart.push(run)
    this.#runs = apart.sort((a, b) => a.from - b.from)
    while (this.#runs.length > 0 && this.#runs[0]!.from <= this.#prefix) {
      this.#prefix = Math.max(this.#prefix, this.#runs.shift()!.to)
    }
  }

  /** The client said how long the file is: what is below counts as written. */
  set(size: number): void {
    this.#prefix = size
    this.#runs = this.#runs
      .filter((run) => run.to > size)
      .map((run) => ({ from: Math.max(run.from, size), to: run.to }))
    while (this.#runs.length > 0 && this.#runs[0]!.from <= this.#prefix) this.#prefix = this.#runs.shift()!.to
  }
}
