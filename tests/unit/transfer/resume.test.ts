import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { planResume, type ResumeWishes, type Side } from '../../../src/transfer/resume.ts'

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

function side(content: Uint8Array, tells = true): Side & { readonly asked: number[] } {
  const asked: number[] = []
  return {
    size: content.length,
    asked,
    async md5(bytes) {
      asked.push(bytes)
      return tells ? md5(content.subarray(0, bytes)) : undefined
    },
  }
}

const bytes = fc.uint8Array({ maxLength: 6, max: 1 })
const wishes: fc.Arbitrary<ResumeWishes> = fc.record({
  force: fc.boolean(),
  restart: fc.boolean(),
  trustSize: fc.boolean(),
})

test('resume: goes on only behind an equal beginning, unless sizes are to be trusted where no MD5 is had', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, bytes, wishes, fc.boolean(), async (source, target, wish, tells) => {
      const plan = await planResume(side(source), side(target, tells), wish)

      const begins = Buffer.from(source.subarray(0, target.length)).equals(target)
      if (plan.do === 'continue') {
        assert.equal(plan.offset, target.length)
        assert.ok(target.length < source.length)
        assert.ok(begins || (!tells && wish.trustSize && !plan.proved))
      }
      if (plan.do === 'nothing') assert.ok(Buffer.from(source).equals(target) || (!tells && wish.trustSize))
      if (plan.do === 'replace') assert.ok(wish.force || wish.restart)
      if (plan.do === 'start') assert.fail('something is there')
    }),
  )
})

test('resume: what is put together by a plan is the source, whatever lay there', async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      fc.option(bytes, { nil: undefined }),
      fc.boolean(),
      async (source, target, force) => {
        const plan = await planResume(side(source), target && side(target), { force })

        const from = plan.do === 'continue' ? plan.offset : plan.do === 'nothing' ? source.length : 0
        const result =
          plan.do === 'refuse'
            ? target!
            : Buffer.concat([(target ?? source).subarray(0, from), source.subarray(from)])
        assert.deepEqual(Buffer.from(result), Buffer.from(plan.do === 'refuse' ? target! : source))
      },
    ),
  )
})

test('resume: an error names both MD5s and how many bytes they are of; nothing is hashed where sizes say enough', async () => {
  const [ours, theirs] = [side(Buffer.from('abcdef')), side(Buffer.from('abX'))]
  assert.deepEqual(await planResume(ours, theirs, {}), {
    do: 'refuse',
    because: 'differs',
    bytes: 3,
    source: md5(Buffer.from('abc')),
    target: md5(Buffer.from('abX')),
  })

  const longer = side(Buffer.from('abcdefg'))
  assert.deepEqual(await planResume(ours, longer, {}), { do: 'refuse', because: 'longer' })
  assert.deepEqual(await planResume(ours, longer, { force: true }), { do: 'replace' })
  assert.deepEqual(await planResume(ours, undefined, {}), { do: 'start' })
  assert.deepEqual(await planResume(ours, side(Buffer.from('')), {}), {
    do: 'continue',
    offset: 0,
    proved: true,
  })
  assert.deepEqual(longer.asked, [])
})
