// Preloaded into a server: its clock is ahead by as many ms as the file TEST_CLOCK says, and FILE.seen says so.
import { readFileSync, writeFileSync } from 'node:fs'

const file = process.env.TEST_CLOCK
const { now } = Date
let ahead = 0

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
      if (Number(asked) === ahead) return
      ahead = Number(asked)
      writeFileSync(`${file}.seen`, asked)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }, 20).unref()
}
