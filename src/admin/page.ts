import { isMove, stepOf } from './keyboard.ts'
import type { Screen } from './screen.ts'

/** Lines over the whole screen, to be scrolled if they are more. */
export async function page(screen: Screen, lines: () => readonly string[]): Promise<void> {
  let from = 0
  await screen.live({
    everyMs: 60_000,
    draw() {
      const all = lines()
      const room = Math.max(1, screen.rows - 3)
      from = Math.max(0, Math.min(from, all.length - room))
      const keys = all.length > room ? '↑↓ scroll, any other key goes back' : 'any key goes back'
      return [...all.slice(from, from + room), '', keys]
    },
    key(key) {
      from += stepOf(key, screen.rows)
      return isMove(key)
    },
  })
}
