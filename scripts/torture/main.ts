import { parseArgs } from 'node:util'
import { faults } from './faults.ts'
import { fuzz } from './fuzz.ts'
import { hostile } from './hostile.ts'
import { killedUploads } from './killed-uploads.ts'

/** What is tortured, how, and how often by default. */
const TORTURES = {
  faults: { run: faults, count: 10 },
  fuzz: { run: fuzz, count: 5 },
  hostile: { run: hostile, count: 1 },
  'killed-uploads': { run: killedUploads, count: 200 },
} as const

/** `npm run torture [NAME...] [-- --seed N --count N]`: each takes minutes, and ends with 1 at the first fault. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, count: { type: 'string' } },
})
const names = positionals.length === 0 ? Object.keys(TORTURES) : positionals
for (const name of names) {
  const torture = TORTURES[name as keyof typeof TORTURES]
  if (torture === undefined)
    throw new Error(`No torture "${name}": there is ${Object.keys(TORTURES).join(', ')}`)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const count = Number(values.count ?? torture.count)
  console.log(`${name}: seed ${seed}, ${count} times`)
  console.log(`${name}: ${await torture.run({ seed, count, say: console.log })}`)
}
