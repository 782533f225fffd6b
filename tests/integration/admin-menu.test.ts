import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { adminPerson } from '../support/admin-person.ts'
import { furnish, type Prompt, prompts, type Step, stored, WAYS } from '../support/menu-prompts.ts'
import { run, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'

const missing = without('tmux', 'ssh', 'ssh-keygen')
let server: TestServer
before(async () => {
  if (missing) return
  server = await startServer()
  await furnish(server)
  // One line in the log to look for.
  await run('ssh', ['-F', server.sshConfig, '-o', 'BatchMode=yes', '-l', 'nosuch', 'ftp', 'pwd'])
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = () => ['ssh', '-tt', '-F', server.sshConfig, '-l', 'grace', 'ftp']
const AT_MENU = /Esc goes to Exit/
interface Size {
  readonly columns: number
  readonly rows: number
}
const USUAL: Size = { columns: 80, rows: 24 }
const NARROW: Size = { columns: 50, rows: 20 }

async function atMenu(size: Size, work: (terminal: Terminal) => Promise<void>): Promise<void> {
  await using terminal = await openTerminal(ssh(), size)
  await terminal.sees(AT_MENU)
  await work(terminal)
  await terminal.press('e', 'Enter')
  assert.equal(await terminal.ended(), 0)
}

/** Goes to an item by its first letters; the list shows where. */
async function goTo(terminal: Terminal, item: string): Promise<void> {
  const letter = item[0]!.toLowerCase()
  const at = (screen: string): boolean => screen.includes(`▸ ${item}`)
  while (!at(await terminal.sees(/▸/))) {
    const before = await terminal.screen()
    await terminal.press(letter)
    await terminal.until((screen) => screen !== before)
  }
  await terminal.press('Enter')
}

async function take(terminal: Terminal, [keys, sees]: Step): Promise<void> {
  for (const key of keys) {
    if (key.startsWith('=')) await terminal.type(key.slice(1))
    else await terminal.press(key)
  }
  await terminal.sees(sees)
}

/** Lists that one question goes back to, before it goes back to the menu. */
const LIST = /\? What of "\w+"\? …|\? Accounts …|\d+ logged in/
const OUTER = new RegExp(`${LIST.source}|${AT_MENU.source}`)

async function backToMenu(terminal: Terminal, cancel: string): Promise<void> {
  const atList = LIST.test(await terminal.still())
  await terminal.press(cancel)
  if (!atList && LIST.test(await terminal.sees(OUTER))) await terminal.press(cancel)
  await terminal.sees(AT_MENU)
}

for (const size of [USUAL, { columns: 120, rows: 40 }, NARROW]) {
  const name = `${size.columns}x${size.rows}`
  test(`menu: every item at ${name}: wrong input is told, Esc goes back, nothing is changed`, {
    skip: missing,
  }, async () => {
    const before = await stored(server)
    await atMenu(size, async (terminal) => {
      await terminal.shows(`${name}/menu`)
      for (const [item, ways] of Object.entries(WAYS)) {
        const shown = new Set<string>()
        for (const way of ways) {
          await goTo(terminal, item)
          for (const [index, step] of way.entries()) {
            await take(terminal, step)
            const keys = JSON.stringify(way.slice(0, index + 1).map(([typed]) => typed))
            if (shown.has(keys)) continue
            shown.add(keys)
            await terminal.shows(`${name}/${item.toLowerCase().replaceAll(' ', '-')}-${shown.size}`, step[2])
          }
          await backToMenu(terminal, 'Escape')
        }
      }
    })

    assert.deepEqual(await stored(server), before)
  })
}

async function walk(terminal: Terminal, { item, steps }: Prompt): Promise<void> {
  await goTo(terminal, item)
  for (const step of steps) await take(terminal, step)
}

/** The beginning of the question that waits for an answer, or that it is a picture; undefined in the middle of a drawing. */
function shownOn(screen: string): string | undefined {
  return /^\? .{1,20}/m.exec(screen)?.[0] ?? (/goes back$/.test(screen) ? 'a picture' : undefined)
}

test('menu: Esc and ^C go back from every prompt, ^Z does nothing, a resize keeps it, and nothing is changed', {
  skip: missing,
}, async () => {
  const before = await stored(server)
  const byEscape = atMenu(USUAL, async (terminal) => {
    for (const prompt of prompts()) {
      await walk(terminal, prompt)
      const asked = shownOn(await terminal.until((screen) => shownOn(screen) !== undefined))
      for (const { columns, rows } of [NARROW, USUAL]) {
        await terminal.resize(columns, rows)
        await terminal.until((screen) => shownOn(screen) === asked)
      }
      await backToMenu(terminal, 'Escape')
    }
  })
  const byInterrupt = atMenu(USUAL, async (terminal) => {
    for (const prompt of prompts()) {
      await walk(terminal, prompt)
      await terminal.press('C-z')
      await backToMenu(terminal, 'C-c')
    }
  })
  await Promise.all([byEscape, byInterrupt])

  assert.deepEqual(await stored(server), before)
})

/** Somebody at each prompt, who has answered all that comes before. */
const everywhere = (at: TestServer) =>
  Promise.all(
    prompts().map(async ({ item, steps }) => {
      const person = await adminPerson(at)
      await person.goTo(item)
      for (const [keys, sees] of steps) {
        person.press(...keys)
        await person.sees(sees)
      }
      return person
    }),
  )

test('menu: connections cut at every prompt leave nothing, and the server lives', {
  skip: missing,
}, async () => {
  const before = await stored(server)
  const people = await everywhere(server)
  for (const person of people) person.cut()
  await Promise.all(people.map(({ closed }) => closed))

  using again = await adminPerson(server)
  await again.goTo('Sessions')
  await again.sees(/(^|\D)1 logged in/)
  assert.deepEqual(await stored(server), before)
  assert.doesNotMatch(server.said(), /internal error|failed/)
})

test('menu: SIGTERM with every prompt open ends them all with a sentence, and stores nothing', {
  skip: missing,
}, async () => {
  await using other = await startServer()
  await furnish(other)
  await run('ssh', ['-F', other.sshConfig, '-o', 'BatchMode=yes', '-l', 'nosuch', 'ftp', 'pwd'])
  const before = await stored(other)
  const people = await everywhere(other)

  assert.equal(await other.stop(), 0)

  for (const person of people) {
    await person.sees(/The server stops: nothing that was not finished is stored/)
    assert.equal(await person.ended, 0)
    await person.closed
  }
  const { stdout } = await other.console(['user', 'list', '--json'])
  assert.deepEqual(JSON.parse(stdout), before.accounts)
})
