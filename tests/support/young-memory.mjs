// Preloaded into a program: at its end it makes much garbage, of which some lives for a while, and says to how many
// MiB V8 lets what is young grow. With PRETEND_OLD it takes its Node, and not those that it starts, for an old one.
import v8 from 'node:v8'

const { PRETEND_OLD } = process.env
if (PRETEND_OLD !== undefined) {
  delete process.env.PRETEND_OLD
  Object.defineProperty(process, 'versions', { value: { ...process.versions, node: PRETEND_OLD } })
} else {
  process.on('exit', () => {
    const kept = []
    for (let i = 0; i < 3_000_000; i++) {
      kept.push({ i })
      if (kept.length > 200_000) kept.length = 0
    }
    const young = v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    console.log(`young: ${young.space_size / 1024 / 1024}`)
  })
}
