// Preloaded into a server: its clock is ahead by as many ms as the file TEST_CLOCK says, and FILE.PID says so.
import { readFileSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const file = process.env.TEST_CLOCK
const { now } = Date
let ahead = 0
let seen = ''

if (file !== undefined) {
  Date.now = () => now() + ahead
  globalThis.Date = class extends Date {
    constructor(...given) {
      if (given.length === 0) super(Date.now())
      else super(...given)
    }
  }
  setInterval(() => {
    try {
      const asked = readFileSync(file, 'utf8')
      // By its text: an empty file is no 0, and a 0 that is there already is seen too.
      if (asked === '' || asked === seen) return
      ahead = Number(asked)
      seen = asked
      if (isMainThread) writeFileSync(`${file}.${process.pid}`, seen)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }, 20).unref()
}
