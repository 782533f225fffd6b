/** Lets `most` through at a time, the others in the order they came. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(most: number) {
    this.#free = most
  }

  /** Give it back with `using`. */
  async enter(): Promise<Disposable> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        const next = this.#waiting.shift()
        if (next) next()
        else this.#free += 1
      },
    }
  }
}

interface Waiting {
  readonly name: string
  readonly go: () => void
}

/** Lets `most` through at a time; then whoever's name has the fewest under way, of equals the first that came. */
export class Turns {
  #free: number
  readonly #waiting: Waiting[] = []
  readonly #underWay = new Map<string, number>()

  constructor(most: number) {
    this.#free = most
  }

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1
      this.#count(name, 1)
    } else await new Promise<void>((go) => this.#waiting.push({ name, go }))
    try {
      return await work()
    } finally {
      this.#count(name, -1)
      this.#next()
    }
  }

  #next(): void {
    let next = 0
    for (let at = 1; at < this.#waiting.length; at++)
      if (this.#has(this.#waiting[at]!.name) < this.#has(this.#waiting[next]!.name)) next = at
    const [one] = this.#waiting.splice(next, 1)
    if (one === undefined) this.#free += 1
    else {
      this.#count(one.name, 1)
      one.go()
    }
  }

  #has(name: string): number {
    return this.#underWay.get(name) ?? 0
  }

  #count(name: string, more: number): void {
    const count = this.#has(name) + more
    if (count === 0) this.#underWay.delete(name)
    else this.#underWay.set(name, count)
  }
}

/** Does the work when it is its turn. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

export const atOnce: InTurn = (work) => work()

/** One queue for each name; a name nobody waits for costs nothing. */
export class Lanes {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs `work` when all that was given before it under `name` is over, however it ended. */
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve()
    const mine = before.then(work, work)
    const settled = mine.then(
      () => {},
      () => {},
    )
    this.#last.set(name, settled)
    settled.then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name)
    })
    return mine
  }
}
