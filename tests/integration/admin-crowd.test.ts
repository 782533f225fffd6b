import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type AdminPerson, adminPerson } from '../support/admin-person.ts'
import { adminWords } from '../support/admin-words.ts'
import { without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh-keygen')
const ADMINS = Number(process.env.TEST_ADMINS ?? 10)
const MIB = 1024 ** 2
const numbers = Array.from({ length: ADMINS }, (_, at) => at)

let server: TestServer
before(async () => {
  if (skip) return
  const weigh = new URL('../support/weigh.mjs', import.meta.url).href
  server = await startServer({ env: { NODE_OPTIONS: `--expose-gc --import=${weigh}` } })
  const key = ['--key-line', readFileSync(`${server.key}.pub`, 'utf8').trim()]
  for (const at of numbers) await adminWords(server, ['user', 'add', `admin${at}`, '--role', 'admin', ...key])
})
after(() => server?.[Symbol.asyncDispose]())

/** What the server has left, once what it has let go of is collected. */
async function weighed(): Promise<{ readonly heap: number; readonly listeners: unknown }> {
  const before = server.said().split('weighed ').length
  process.kill(server.pid, 'SIGUSR2')
  for (;;) {
    const said = server.said().split('weighed ')
    if (said.length > before) return JSON.parse(said.at(-1)!.split('\n')[0]!)
    await adminWords(server, ['server', 'status'])
  }
}

/** Registers one account by the menu and one by exec, changes the first, deletes the second, and leaves. */
async function work(at: number): Promise<void> {
  const [kept, gone, name] = [`kept${at}`, `gone${at}`, `admin${at}`]
  using person: AdminPerson = await adminPerson(server, name)
  const answer = async (question: RegExp, ...keys: readonly string[]): Promise<void> => {
    const shown = await person.sees(question)
    // What belongs to others never shows up here.
    for (const [, other] of shown.matchAll(/logged in as (\w+)/g)) assert.equal(other, name)
    person.press(...keys)
  }
  await person.goTo('Register user')
  await answer(/Name of the new account/, `=${kept}`, 'Enter')
  await answer(/What is it\?/, 'Enter')
  await answer(/Password/, 'Enter')
  await answer(/no limit/, `=${at + 1} MiB`, 'Enter')
  await answer(/What may it do\?/, '=d', 'Enter')
  await person.sees(new RegExp(`"${kept}" is registered as user`))

  const made = await person.exec(`user add ${gone} --rights read-only --json`)
  assert.equal(JSON.parse(made.said).name, gone)
  const changed = await person.exec(`quota set ${kept} ${at + 2}MiB --json`)
  assert.equal(JSON.parse(changed.said).limit, (at + 2) * MIB)

  if (at % 6 === 0) await deleteByMenu(person, gone)
  else assert.equal((await person.exec(`user del ${gone} --yes`)).status, 0)
  await person.goTo('Exit')
  assert.equal(await person.ended, 0)
}

async function deleteByMenu(person: AdminPerson, name: string): Promise<void> {
  await person.goTo('Delete user')
  await person.sees(/Delete which account\?/)
  // To its row, whatever others made meanwhile.
  for (let row = ''; !new RegExp(`▸ ${name}\\b`).test(row); ) {
    person.press('=g')
    const shown = await person.sees(/▸ [^\n]*\n/)
    row = shown.slice(shown.lastIndexOf('▸'))
  }
  person.press('Enter')
  await person.sees(/Type the name/)
  person.press(`=${name}`, 'Enter')
  await person.sees(new RegExp(`"${name}" is deleted`))
}

const list = async () =>
  JSON.parse((await adminWords(server, ['user', 'list', '--json'])).stdout) as {
    readonly name: string
    readonly quota: { readonly bytes: number }
    readonly rights: { readonly list: boolean }
    readonly changedBy: string
  }[]

function deeds(): readonly (readonly unknown[])[] {
  const folder = join(server.var, 'audit')
  return readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ by }) => String(by).startsWith('admin'))
    .map(({ event, account, by }) => [event, account, by])
}

test(`menu: ${ADMINS} admins at once by ssh: the store is exact, each deed has its line, and nothing stays`, {
  skip,
}, async () => {
  const round = async (): Promise<void> => {
    const before = deeds().length
    await Promise.all(numbers.map(work))
    const kept = (await list()).filter(({ name }) => /^(kept|gone)/.test(name))
    assert.deepEqual(
      kept
        .map(({ name, quota, rights, changedBy }) => [name, quota.bytes, rights.list, changedBy].join())
        .sort(),
      numbers.map((at) => [`kept${at}`, (at + 2) * MIB, false, `admin${at}`].join()).sort(),
    )
    assert.deepEqual(
      deeds().slice(before).map(String).sort(),
      numbers
        .flatMap((at) => [
          ['account added', `kept${at}`, `admin${at}`],
          ['account added', `gone${at}`, `admin${at}`],
          ['quota changed', `kept${at}`, `admin${at}`],
          ['account deleted', `gone${at}`, `admin${at}`],
        ])
        .map(String)
        .sort(),
    )
    for (const at of numbers) await adminWords(server, ['user', 'del', `kept${at}`, '--yes'])
    while ((await adminWords(server, ['session', 'list', '--json'])).stdout.trim() !== '[]');
  }

  await round()
  const first = await weighed()
  await round()
  const last = await weighed()

  assert.deepEqual(last.listeners, first.listeners)
  // Less than what a menu takes for each of them.
  assert.ok(last.heap - first.heap < 2 * MIB, `${last.heap - first.heap} bytes more`)
})
