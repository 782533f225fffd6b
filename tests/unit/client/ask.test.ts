import assert from 'node:assert/strict'
import { test } from 'node:test'
import { yesOrNo } from '../../../src/client/ask.ts'

/** Answers in turn; what was asked. */
function answering(...answers: readonly (string | undefined)[]) {
  const asked: string[] = []
  const left = [...answers]
  const ask = async (question: string): Promise<string | undefined> => {
    asked.push(question)
    return left.shift()
  }
  return { asked, ask }
}

test('a yes or no: what is neither is asked for again, a few times', async () => {
  for (const [answers, isYes, times] of [
    [['yes'], true, 1],
    [[' Y '], true, 1],
    [['no'], false, 1],
    [[undefined], false, 1],
    [['yse', 'yes'], true, 2],
    [['', 'n'], false, 2],
    [['a', 'b', 'c', 'yes'], false, 3],
  ] as const) {
    const { asked, ask } = answering(...answers)

    assert.equal(await yesOrNo('Connect? (yes/no) ', ask), isYes)

    assert.deepEqual(asked, ['Connect? (yes/no) ', ...Array(times - 1).fill('Write yes or no: ')])
  }
})
