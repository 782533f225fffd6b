// `npm run bench [NAME] [WORDS]`: runs bench/NAME.ts with the words; without a file of that name, the rows of goals.ts.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

// Ends what was started and takes away what was made, too: their owners listen for 'exit'.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const [name] = process.argv.slice(2)
const own = name !== undefined && /^[a-z0-9-]+$/.test(name) ? join(import.meta.dirname, `${name}.ts`) : ''
const found = own !== '' && own !== import.meta.filename && existsSync(own)
if (found) process.argv.splice(2, 1)
await import(found ? own : './goals.ts')
