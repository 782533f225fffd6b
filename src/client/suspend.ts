import type { Interface } from 'node:readline'
import type { ReadStream } from 'node:tty'

/**
 * ^Z while `lines` reads keys: stops all that stand in the shell's foreground with us (npx, the older Node that
 * started us), which readline by itself leaves there, and calls `redraw` when the shell goes on with them.
 */
export function suspendsBy(
  lines: Interface,
  input: Pick<ReadStream, 'setRawMode'>,
  redraw: () => void,
): void {
  lines.on('SIGTSTP', () => {
    input.setRawMode(false)
    process.kill(0, 'SIGTSTP')
    // Goes on here; at once, where nobody could have gone on with it.
    input.setRawMode(true)
    redraw()
  })
}
