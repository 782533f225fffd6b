import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  connectionBudget,
  FIRST_WINDOW,
  type LineSigns,
  windowBudget,
  windowOver,
} from '../../../../src/ssh/fast/window.ts'

const MIB = 1024 * 1024
const PIECE = 64 * 1024
/** A line that is as long as can be, and a loop with nothing else to do. */
const FAR: LineSigns = { roundTripMs: Number.POSITIVE_INFINITY, idle: () => 1, now: () => 0 }

/** A peer that sends `bytes` into the window, and is credited for each piece at once; what it was told. */
function send(window: ReturnType<typeof windowOver>, bytes: number): number[] {
  const told: number[] = []
  for (let sent = 0; sent < bytes; sent += PIECE) {
    assert.equal(window.spend(PIECE), true)
    const more = window.credit(PIECE)
    if (more > 0) told.push(more)
  }
  return told
}

test('window: tells the peer of room as soon as a twentieth is used, not at half', () => {
  const incoming = { window: FIRST_WINDOW }
  const window = windowOver(incoming, windowBudget(0), FAR)

  const told = send(window, MIB)

  assert.ok(told.every((count) => count >= FIRST_WINDOW / 20 && count < FIRST_WINDOW / 8))
  assert.ok(incoming.window > 0.9 * FIRST_WINDOW)
})

test('window: is doubled each time a whole window was dealt with, up to 16 MiB', () => {
  const incoming = { window: FIRST_WINDOW }
  const window = windowOver(incoming, windowBudget(64 * MIB), FAR)

  const widths = [2, 4, 8, 16].map((bytes) => {
    send(window, bytes * MIB)
    return Math.ceil(incoming.window / MIB)
  })

  assert.deepEqual(widths, [4, 8, 16, 16])
})

test('window: what is not dealt with widens nothing', () => {
  const incoming = { window: FIRST_WINDOW }
  const window = windowOver(incoming, windowBudget(64 * MIB), FAR)

  for (let i = 0; i < 64; i++) {
    assert.equal(window.spend(MIB), true)
    // Half of what came is credited a turn late: a quarter of the window is always owed.
    if (i > 0) window.credit(MIB)
  }

  assert.ok(incoming.window < FIRST_WINDOW)
})

test('window: is not widened by a loop that never waits, and narrowed again when it has none to spare', () => {
  const incoming = { window: FIRST_WINDOW }
  let idle = 0.1
  const budget = windowBudget(14 * MIB)
  const window = windowOver(incoming, budget, { ...FAR, idle: () => idle })

  send(window, 32 * MIB)
  const busy = Math.ceil(incoming.window / MIB)
  idle = 0.9
  send(window, 32 * MIB)
  const waiting = Math.ceil(incoming.window / MIB)
  idle = 0.1
  send(window, 64 * MIB)

  assert.deepEqual([busy, waiting, Math.ceil(incoming.window / MIB)], [2, 16, 2])
  assert.equal(budget.take(14 * MIB), true)
})

// OpenSSH's client keeps in its memory what the window has room for, and with 16 MiB of it is so busy that the server waits.
test('window: a peer that is near is not given more than its line holds, however slow it is, and what it was given is taken back', () => {
  const incoming = { window: FIRST_WINDOW }
  let at = 0
  let perMs = 500 * 1024
  const sent = (roundTripMs: number): ReturnType<typeof windowOver> => {
    incoming.window = FIRST_WINDOW
    const budget = windowBudget(14 * MIB)
    const window = windowOver(incoming, budget, { ...FAR, roundTripMs, now: () => at })
    return {
      ...window,
      spend(count) {
        at += count / perMs
        return window.spend(count)
      },
    }
  }
  const width = (): number => Math.ceil(incoming.window / MIB)

  send(sent(1), 64 * MIB)
  const near = width()
  perMs = 1
  send(sent(1), 64 * MIB)
  const nearAndSlow = width()
  perMs = 500 * 1024
  const window = sent(40)
  send(window, 64 * MIB)
  const far = width()
  perMs = 50 * 1024
  send(window, 64 * MIB)

  assert.deepEqual([near, nearAndSlow, far, width()], [2, 2, 16, 4])
})

test('window: more than was told is refused', () => {
  const window = windowOver({ window: FIRST_WINDOW }, windowBudget(64 * MIB), FAR)

  assert.equal(window.spend(FIRST_WINDOW), true)
  assert.equal(window.spend(1), false)
})

test('window: stays as it is when the connection or the process has no more to give, and gives back at the end', () => {
  const process = windowBudget(40 * MIB)
  const connection = connectionBudget(process)
  const [one, two, three] = [0, 1, 2].map(() => {
    const incoming = { window: FIRST_WINDOW }
    return { incoming, window: windowOver(incoming, connection, FAR) }
  })

  for (const { window } of [one!, two!, three!]) send(window, 32 * MIB)
  const widths = [one!, two!, three!].map(({ incoming }) => Math.ceil(incoming.window / MIB))
  one!.window.close()
  send(three!.window, 32 * MIB)

  // 30 MiB above the first windows: 14 and 14, and then one doubling.
  assert.deepEqual(widths, [16, 16, 4])
  assert.equal(Math.ceil(three!.incoming.window / MIB), 16)
})

test('window: narrows to what it was at first while most of what came waits for a slow disk', () => {
  const incoming = { window: FIRST_WINDOW }
  const budget = windowBudget(14 * MIB)
  const window = windowOver(incoming, budget, FAR)
  send(window, 16 * MIB)
  assert.ok(incoming.window > 15 * MIB)

  window.spend(incoming.window)
  for (let i = 0; i < 13; i++) assert.equal(window.credit(MIB), 0)

  assert.equal(budget.take(14 * MIB), true)
  window.credit(2 * MIB)
  assert.ok(incoming.window <= FIRST_WINDOW)
})
