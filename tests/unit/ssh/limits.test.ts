import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { type StrangerLimits, strangers } from '../../../src/ssh/limits.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const FAR = 1_000_000

class FakeSocket extends EventEmitter {
  destroyed = false
  destroy(): this {
    if (!this.destroyed) {
      this.destroyed = true
      this.emit('close')
    }
    return this
  }
}

/** One whose end is heard of in a later turn, as a real one's is. */
class LateSocket extends FakeSocket {
  override destroy(): this {
    this.destroyed = true
    return this
  }
}

function hall(limits: Partial<StrangerLimits>) {
  const clock = fakeClock()
  const all = strangers(
    () => ({ unauthenticated: FAR, silentPerAddress: FAR, silentMs: 0, ...limits }),
    clock.elapsed,
  )
  const enter = (address = '192.0.2.1', socket = new FakeSocket()) => {
    all.enter(socket as unknown as Socket, address)
    return socket
  }
  return { all, clock, enter, of: (socket: FakeSocket) => socket as unknown as Socket }
}

const gone = (sockets: readonly FakeSocket[]): readonly boolean[] => sockets.map(({ destroyed }) => destroyed)

test('strangers: when all places are taken the oldest goes, from wherever it came', () => {
  const { enter } = hall({ unauthenticated: 3 })

  const sockets = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].map((address) => enter(address))

  assert.deepEqual(gone(sockets), [true, false, false, false])
})

test('strangers: each newcomer of one turn takes the place of another', () => {
  const { enter } = hall({ unauthenticated: 2, silentPerAddress: FAR })

  const sockets = Array.from({ length: 5 }, () => enter(undefined, new LateSocket()))

  assert.deepEqual(gone(sockets), [true, true, true, false, false])
})

test('strangers: who has logged in, or left, takes no place', () => {
  const { all, enter, of } = hall({ unauthenticated: 3 })
  const [ada, visitor, other] = [enter(), enter(), enter()] as const

  all.leave(of(ada))
  visitor.destroy()
  const others = [other, enter(), enter()]

  assert.deepEqual(gone([ada, ...others]), [false, false, false, false])
})

test('strangers: of the silent ones of an address the oldest goes, and of no other address', () => {
  const { enter } = hall({ silentPerAddress: 2 })

  const neighbour = enter('192.0.2.2')
  const sockets = [enter(), enter(), enter(), enter()]

  assert.deepEqual(gone([neighbour, ...sockets]), [false, true, true, false, false])
})

test('strangers: who has begun a key exchange, or logged in, is no silent one', () => {
  const { all, enter, of } = hall({ silentPerAddress: 2 })
  const [busy, ada] = [enter(), enter()] as const

  all.spoke(of(busy))
  all.leave(of(ada))
  const others = [enter(), enter()]

  assert.deepEqual(gone([busy, ada, ...others]), [false, false, false, false])
})

test('strangers: nobody is silent before the time to speak is over', () => {
  const { enter } = hall({ silentPerAddress: 2, silentMs: FAR })

  const sockets = [enter(), enter(), enter(), enter()]

  assert.deepEqual(gone(sockets), [false, false, false, false])
})

test('strangers: when that is over, the oldest goes', () => {
  const { clock, enter } = hall({ silentPerAddress: 2, silentMs: 2_000 })
  const first = [enter(), enter()]
  clock.pass(2_000)

  const last = enter()

  assert.deepEqual(gone([...first, last]), [true, false, false])
})

test('strangers: the end closes them, and not who has logged in', () => {
  const { all, enter, of } = hall({})
  const [ada, ...others] = [enter(), enter(), enter()] as const
  all.leave(of(ada))

  all.end()

  assert.deepEqual(gone([ada, ...others]), [false, true, true])
})
