import assert from 'node:assert/strict'
import { test } from 'node:test'
import type ssh2 from 'ssh2'
import { type LogInOptions, logIn } from '../../../src/ssh/log-in.ts'

type Prompts = readonly { readonly prompt: string; readonly echo?: boolean }[]
const PASSWORD: Prompts = [{ prompt: 'Password: ', echo: false }]
const CODE: Prompts = [{ prompt: 'One-time code: ', echo: false }]

/** A person who answers from a list, and what was asked of them. */
function person(replies: readonly (string | undefined)[], more: Partial<LogInOptions> = {}) {
  const asked: string[] = []
  const told: string[] = []
  const left = [...replies]
  const login = logIn({
    user: 'ada',
    keys: [],
    ask: async (question, echo) => {
      asked.push(echo ? `${question}(shown)` : question)
      return left.shift()
    },
    tell: (text) => void told.push(text),
    ...more,
  })
  return { login, asked, told }
}

/** A server that takes keyboard-interactive alone, and asks this, so often; what it was answered, until it is given up. */
async function answersTo(
  login: ReturnType<typeof logIn>,
  prompts: Prompts,
  times: number,
  texts: readonly [name: string, instructions: string] = ['', ''],
): Promise<readonly (readonly string[])[]> {
  const handler = login.handler()
  const next = (left: string[] | null): Promise<ssh2.AnyAuthMethod | false> =>
    new Promise((resolve) => handler(left as never, false as never, resolve as never))
  const given: (readonly string[])[] = []
  let method = await next(null)
  while (method !== false && given.length < times) {
    if (method.type === 'keyboard-interactive') {
      const { prompt } = method
      given.push(await new Promise((resolve) => prompt(...texts, '', [...prompts], resolve)))
      if (given.length === times) break
    }
    method = await next(['keyboard-interactive'])
  }
  return given
}

test('log-in: a server that asks is answered by whoever is there, what it wants to be read is told', async () => {
  const { login, asked, told } = person(['secret', 'ada@example.com'])
  const prompts = [...PASSWORD, { prompt: 'Address: ', echo: true }]

  const given = await answersTo(login, prompts, 1, ['Entry', 'Two questions'])

  assert.deepEqual(given, [['secret', 'ada@example.com']])
  assert.deepEqual(asked, ['Password: ', 'Address: (shown)'])
  assert.deepEqual(told, ['Entry', 'Two questions'])
})

test('log-in: a password that is known is given where a password is asked for, and nobody is asked', async () => {
  const { login, asked } = person([], { password: 'known' })

  assert.deepEqual(await answersTo(login, PASSWORD, 1), [['known']])
  assert.deepEqual(asked, [])
})

test('log-in: a password that was refused is asked for, three times in all, and that is told', async () => {
  const { login, asked, told } = person(['second', 'third', 'fourth'], { password: 'first' })

  assert.deepEqual(await answersTo(login, PASSWORD, 9), [['first'], ['second'], ['third']])
  assert.deepEqual(asked, ['Password: ', 'Password: '])
  assert.deepEqual(told, ['The password was refused', 'The password was refused'])
})

test('log-in: a password that the method of that name refuses is told before it is asked for again', async () => {
  const { login, asked, told } = person(['wrong', 'right'])
  const handler = login.handler()
  const next = (left: string[] | null): Promise<ssh2.AnyAuthMethod | false> =>
    new Promise((resolve) => handler(left as never, false as never, resolve as never))

  const methods = [await next(null), await next(['password']), await next(['password'])]

  assert.deepEqual(
    methods.map((method) => method !== false && method.type === 'password' && method.password),
    [false, 'wrong', 'right'],
  )
  assert.deepEqual(asked, ['Password of ada: ', 'Password of ada: '])
  assert.deepEqual(told, ['The password was refused'])
})

test('log-in: the connection that comes back is given the password again, and asks for another code', async () => {
  const { login, asked } = person(['secret', '111111', '222222'])
  const both = [...PASSWORD, ...CODE]

  const first = await answersTo(login, both, 1)
  const again = await answersTo(login, both, 1)

  assert.deepEqual(first, [['secret', '111111']])
  assert.deepEqual(again, [['secret', '222222']])
  assert.deepEqual(asked, ['Password: ', 'One-time code: ', 'One-time code: '])
})

test('log-in: where nobody answers it is given up at once, and not asked again', async () => {
  const { login, asked } = person([undefined])

  assert.deepEqual(await answersTo(login, CODE, 3), [[]])
  assert.deepEqual(asked, ['One-time code: '])
})
