import type { Key } from './enquirer.ts'

/** Of enquirer's Select, what moves its mark. It shows the first of `choices`; each one's `index` is its place in the list. */
export interface List {
  choices: readonly { readonly index: number }[]
  readonly visible: readonly unknown[]
  readonly focused: { readonly index: number }
  /** The mark's, in `choices`. */
  index: number
  render(): unknown
  alert(): unknown
}

/** After so long without a key, what is typed begins another name. */
const FORGOTTEN_MS = 1_000

/**
 * What the keys do in a list. Enquirer's own turn the list around, lose the mark where a list fits, and take a digit
 * for the number of a row; here the order stays, and what is typed goes to the label that begins with it.
 */
export function listKeys(labels: readonly string[], initial: number) {
  const names = labels.map((label) => label.toLowerCase())
  let typed = ''
  let forgetting: NodeJS.Timeout | undefined
  const type = (text: string): void => {
    typed = text
    clearTimeout(forgetting)
    forgetting = setTimeout(() => {
      typed = ''
    }, FORGOTTEN_MS).unref()
  }
  const moves = (to: (at: number, list: List) => number) =>
    function (this: List): unknown {
      type('')
      mark(this, to(this.focused.index, this))
      return this.render()
    }
  const last = names.length - 1
  const page = ({ visible }: List): number => Math.max(1, visible.length - 1)
  const found = (text: string, from: number): number => {
    const order = names.map((_, step) => (from + step) % names.length)
    return order.find((at) => names[at]!.startsWith(text)) ?? -1
  }

  function typing(this: List, text: string | undefined, key: Key = {}): unknown {
    if (!text || key.ctrl || key.meta) return this.alert()
    const letter = text.toLowerCase()
    const next = this.focused.index + 1
    const whole = typed === '' ? -1 : found(typed + letter, 0)
    // The same letter again and again goes through all that begin with it.
    const single = whole < 0 && [...typed].every((before) => before === letter) ? found(letter, next) : -1
    const at = Math.max(whole, single)
    type(whole >= 0 ? typed + letter : single >= 0 ? letter : typed)
    if (at < 0) return this.alert()
    mark(this, at)
    return this.render()
  }

  return {
    onRun(this: List): void {
      mark(this, initial)
    },
    /** When there is another number of rows. */
    keepInSight(this: List): void {
      mark(this, this.focused.index)
    },
    up: moves((at) => (at === 0 ? last : at - 1)),
    down: moves((at) => (at === last ? 0 : at + 1)),
    pageUp: moves((at, list) => Math.max(0, at - page(list))),
    pageDown: moves((at, list) => Math.min(last, at + page(list))),
    home: moves(() => 0),
    end: moves(() => last),
    dispatch: typing,
    number: typing,
    space: typing,
    actions: {
      ctrl: { a: 'home', c: 'cancel', d: 'cancel', e: 'end', j: 'submit', n: 'down', p: 'up' },
      shift: { up: 'up', down: 'down', tab: 'up' },
    },
  }
}

/** Marks the choice at place `at`; of those in sight as many stay as can. */
function mark(list: List, at: number): void {
  const room = list.visible.length
  const most = list.choices.length - room
  const from = Math.min(most, Math.max(at - room + 1, Math.min(at, list.choices[0]!.index)))
  const ordered = list.choices.toSorted((a, b) => a.index - b.index)
  list.choices = [...ordered.slice(from), ...ordered.slice(0, from)]
  list.index = at - from
}
