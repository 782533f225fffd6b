/** Runs that are kept, at most: clients that send out of order have some dozens. */
const MOST_RUNS = 1024

interface Run {
  readonly from: number
  readonly to: number
}

/**
 * Which bytes of a new file were written, to know where it has a hole. Offsets in bytes. Of more runs than are kept the
 * furthest are forgotten: what is there may then be taken for a hole, and no hole for what is there.
 */
export class Extents {
  /** Everything below this was written. */
  #prefix: number
  /** Runs beyond it, sorted, apart from each other. */
  readonly #runs: Run[] = []
  readonly #most: number
  /** Where the furthest run ended that was forgotten. */
  #forgotten = 0

  constructor(prefix: number, most = MOST_RUNS) {
    this.#prefix = prefix
    this.#most = most
  }

  get prefix(): number {
    return this.#prefix
  }

  get hasHole(): boolean {
    return this.#runs.length > 0 || this.#prefix < this.#forgotten
  }

  add(from: number, to: number): void {
    if (to <= from) return
    if (from <= this.#prefix) this.#lengthen(to)
    else this.#insert(from, to)
  }

  /** The client said how long the file is: what is below counts as written, and beyond it is nothing. */
  set(size: number): void {
    this.#prefix = size
    this.#runs.length = 0
    this.#forgotten = 0
  }

  /** What was written touches the prefix. */
  #lengthen(to: number): void {
    this.#prefix = Math.max(this.#prefix, to)
    let reached = 0
    for (; reached < this.#runs.length && this.#runs[reached]!.from <= this.#prefix; reached++)
      this.#prefix = Math.max(this.#prefix, this.#runs[reached]!.to)
    if (reached > 0) this.#runs.splice(0, reached)
  }

  #insert(from: number, to: number): void {
    const first = this.#firstReaching(from)
    let run: Run = { from, to }
    let behind = first
    for (; behind < this.#runs.length && this.#runs[behind]!.from <= to; behind++) {
      const other = this.#runs[behind]!
      run = { from: Math.min(run.from, other.from), to: Math.max(run.to, other.to) }
    }
    this.#runs.splice(first, behind - first, run)
    if (this.#runs.length > this.#most) this.#forgotten = Math.max(this.#forgotten, this.#runs.pop()!.to)
  }

  /** Index of the first run that ends at `from` or behind it. */
  #firstReaching(from: number): number {
    let [low, high] = [0, this.#runs.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#runs[middle]!.to < from) low = middle + 1
      else high = middle
    }
    return low
  }
}
