import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { AlgorithmLists } from '../../../src/ssh/algorithm-lists.ts'
import { holdFirstBytes } from '../../../src/ssh/first-bytes.ts'
import { kexinit as honest, packet } from '../../support/ssh-messages.ts'

const LINE = 'SSH-2.0-ada\r\n'
const kexinit = packet(honest())

function held() {
  const heard: string[] = []
  const seen: (AlgorithmLists | undefined)[] = []
  const state = { refused: 0, patience: [] as number[], over: () => {} }
  const socket = Object.assign(new EventEmitter(), { destroyed: false })
  socket.on('data', (bytes: Buffer) => heard.push(bytes.toString('latin1')))
  const clock = {
    now: () => 0,
    elapsed: () => 0,
    sleep(ms: number, signal?: AbortSignal) {
      state.patience.push(ms)
      return new Promise<void>((resolve, reject) => {
        state.over = resolve
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
    },
  }
  holdFirstBytes(
    socket as unknown as Socket,
    clock,
    (found) => seen.push(found),
    () => {
      state.refused += 1
    },
  )
  const says = (bytes: string | Buffer): void =>
    void socket.emit('data', Buffer.from(bytes as string, 'latin1'))
  return { heard, seen, state, says, socket }
}

// ssh2 takes a line that comes in three pieces for rubbish.
test('first bytes: a line and a KEXINIT in any pieces are handed on whole, once, with what the client can do', () => {
  const { heard, seen, says } = held()
  const whole = Buffer.concat([Buffer.from(LINE), kexinit])

  for (let at = 0; at < whole.length; at += 3) says(whole.subarray(at, at + 3))
  says('more')

  assert.equal(heard[0], whole.toString('latin1'))
  assert.deepEqual(heard.slice(1), ['more'])
  assert.deepEqual(seen, [
    {
      kex: ['curve25519-sha256'],
      hostKeys: ['ssh-ed25519'],
      ciphers: [['aes128-ctr'], ['aes128-ctr']],
      macs: [['hmac-sha2-256'], ['hmac-sha2-256']],
    },
  ])
})

test('first bytes: what begins like no SSH is refused, and ssh2 hears nothing of it', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'SSH-1.5-old\r\n',
    '\r\n',
    `SSH-2.0-${'x'.repeat(300)}\r\n`,
    'x'.repeat(255),
  ]) {
    const { heard, seen, state, says } = held()

    says(text)
    assert.equal(state.refused, 1, text)
    says(LINE)

    assert.equal(state.refused, 1, text)
    assert.deepEqual([heard, seen], [[], []], text)
  }
})

// Some wait for the server's KEXINIT, which comes once ssh2 has the line.
test('first bytes: who keeps its KEXINIT back is handed on after a while', async () => {
  const { heard, seen, state, says } = held()

  says(LINE)
  says(kexinit.subarray(0, 10))
  assert.deepEqual(heard, [])
  assert.equal(state.patience.length, 1)
  state.over()
  await new Promise((resolve) => setImmediate(resolve))

  assert.equal(heard[0], LINE + kexinit.toString('latin1', 0, 10))
  assert.deepEqual(seen, [undefined])
})

// Its KEXINIT was 0.7 to 1.4 s behind its line, and it has nothing of what is offered to those whose lists are unknown.
test('first bytes: JSch is waited for longer than others', () => {
  const [jsch, other] = [held(), held()]

  jsch.says('SSH-2.0-JSCH-0.1.54\r\n')
  other.says(LINE)

  assert.ok(jsch.state.patience[0]! >= 10 * other.state.patience[0]!, String(jsch.state.patience))
})

// Mallory announces a KEXINIT of 4 GiB, and sends it.
test('first bytes: no more is held than a packet may be long', () => {
  const { heard, says } = held()
  const endless = Buffer.from(kexinit)
  endless.writeUInt32BE(0xffff_ffff)
  says(LINE)
  says(endless)

  let sent = 0
  while (heard.length === 0 && sent < 100) {
    says(Buffer.alloc(1024))
    sent += 1
  }

  assert.ok(sent >= 35 && sent <= 36, `${sent} KiB`)
})

test('first bytes: who left is handed on to nobody', async () => {
  const { heard, seen, state, says, socket } = held()
  says(LINE)
  socket.destroyed = true

  state.over()
  await new Promise((resolve) => setImmediate(resolve))

  assert.deepEqual([heard, seen], [[], []])
})
