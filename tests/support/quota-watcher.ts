// Looks at an account from a process of its own: scans the home and asks for `quota show`, again and again until it is
// told to stop; then says what it saw above the limit or below nothing.
import { join } from 'node:path'
import { isOpError } from '../../src/base/error.ts'
import { askServer } from '../../src/control.ts'
import { measure } from '../../src/vfs/measure.ts'

const [folder, account, lentBytes] = process.argv.slice(2)
const lent = Number(lentBytes)
const wrong: string[] = []
let looks = 0
let stopped = false
process.once('message', () => {
  stopped = true
})

async function look(): Promise<void> {
  const lines: string[] = []
  const status = await askServer(folder!, ['quota', 'show', account!, '--json'], {
    print: (line) => void lines.push(line),
    complain: (line) => void lines.push(line),
    input: async () => '',
    confirm: async () => undefined,
  })
  if (status !== 0) throw new Error(lines.join('\n') || 'no server answers')
  const { limit, used, reserved, files } = JSON.parse(lines.join('\n')) as Record<string, number>
  if (used! < 0 || reserved! < 0 || files! < 0 || used! + reserved! > limit!) wrong.push(lines.join(' '))
  try {
    const found = await measure(join(folder!, 'home', account!))
    if (found.bytes > limit! + lent) wrong.push(`${found.bytes} bytes on the disk, ${limit} allowed`)
  } catch (error) {
    if (!isOpError(error, 'EBUSY')) throw error
  }
  looks += 1
}

await look()
process.send!({ looking: true })
while (!stopped) await look()
process.send!({ looks, wrong })
process.disconnect()
