// Preloaded into a server that a test weighs: at SIGUSR2 it says what it has left.
import { setImmediate as turn } from 'node:timers/promises'

process.on('SIGUSR2', async () => {
  // What was put off runs, and is let go of.
  for (let turns = 0; turns < 4; turns++) {
    await turn()
    globalThis.gc()
  }
  const listeners = process.eventNames().map((name) => [String(name), process.listenerCount(name)])
  console.log(`weighed ${JSON.stringify({ heap: process.memoryUsage().heapUsed, listeners })}`)
})
