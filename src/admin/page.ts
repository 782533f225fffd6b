import { isEnter, isMove, leaves, stepOf } from './keyboard.ts'
import type { Screen } from './screen.ts'

/** Lines over the whole screen, to be scrolled if they are more. Any key goes back. */
export async function page(screen: Screen, lines: () => readonly string[]): Promise<void> {
  await scrolled(screen, lines, 'any key goes back', () => true)
}

/** The same before something goes on: whether it does, by Enter, or goes back, by Esc. */
export async function pageBefore(screen: Screen, lines: () => readonly string[]): Promise<boolean> {
  let on = false
  await scrolled(screen, lines, 'Enter goes on, Esc goes back', (key) => {
    on = isEnter(key)
    return on || leaves(key)
  })
  return on
}

async function scrolled(
  screen: Screen,
  lines: () => readonly string[],
  keys: string,
  ends: (key: Parameters<typeof isMove>[0]) => boolean,
): Promise<void> {
  let from = 0
  await screen.live({
    everyMs: 60_000,
    draw() {
      const all = lines()
      const room = Math.max(1, screen.rows - 3)
      from = Math.max(0, Math.min(from, all.length - room))
      return [...all.slice(from, from + room), '', all.length > room ? `↑↓ scroll, ${keys}` : keys]
    },
    key(key) {
      from += stepOf(key, screen.rows)
      return isMove(key) || !ends(key)
    },
  })
}
