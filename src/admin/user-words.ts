import type { Account } from '../accounts/account.ts'
import { newAccount, showRights } from '../accounts/rules.ts'
import { OpError } from '../base/error.ts'
import { parseBytes, showBytes } from '../base/units.ts'
import { CHANGE_OPTIONS, changesOf, count, limitOf } from './changes.ts'
import { factsAbout, forScripts, showEntries, showLimit, stateOf } from './show.ts'
import { table } from './table.ts'
import { answer, exactly, firstLine, KEY_LINE, listOf, type Word, YES } from './word.ts'

/** Words about accounts. */
export const USER_WORDS: Readonly<Record<string, Word>> = {
  'user add': {
    usage: 'user add NAME [OPTION ...]',
    summary: 'register an account',
    options: {
      quota: { type: 'string', about: ['SIZE|none', 'most bytes, such as 500MiB or 10GiB'] },
      files: { type: 'string', about: ['N|none', 'most files and folders'] },
      'password-stdin': { type: 'boolean', about: ['a password: the first line of standard input'] },
      'key-line': KEY_LINE,
      ...CHANGE_OPTIONS,
    },
    async run(call) {
      const { actor, parts, io, names, values } = call
      const [name] = exactly(names, 1, this.usage)
      const keys = listOf(values['key-line'])
      const changes = changesOf(values, newAccount('nobody', 'user'), parts.now())
      const quota = {
        ...(values.quota === undefined ? {} : { bytes: limitOf(String(values.quota), parseBytes) }),
        ...(values.files === undefined ? {} : { files: limitOf(String(values.files), count) }),
      }
      const password = values['password-stdin'] ? await firstLine(io, 'password') : undefined
      const account = await parts.actions.add(actor, {
        name: name!,
        ...changes,
        keys,
        quota,
        ...(password === undefined ? {} : { password }),
      })
      const lines = [`"${account.name}" is registered as ${account.role}`]
      if (password === undefined && keys.length === 0)
        lines.push(
          `Nobody can log in as "${account.name}" yet: give it a password with user passwd ${account.name} --password-stdin, or a key with key add ${account.name}`,
        )
      answer(call, forScripts(account), lines)
    },
  },
  'user list': {
    usage: 'user list [--json]',
    summary: 'all accounts',
    async run(call) {
      const { actor, parts, names } = call
      exactly(names, 0, this.usage)
      const all = await parts.actions.survey(actor)
      const rows = all.map(({ account, usage: { used, limit } }) => [
        account.name,
        account.role,
        stateOf(account, parts.now()),
        showRights(account.rights),
        showBytes(used),
        showLimit(limit),
      ])
      answer(
        call,
        all.map(({ account }) => forScripts(account)),
        table([['NAME', 'ROLE', 'STATE', 'RIGHTS', 'USED', 'LIMIT'], ...rows]),
      )
    },
  },
  'user show': {
    usage: 'user show NAME [--json]',
    summary: 'everything about an account',
    async run(call) {
      const { actor, parts, names } = call
      const [name] = exactly(names, 1, this.usage)
      const account = await parts.actions.show(actor, name!)
      const usage = await parts.actions.usage(actor, name!)
      answer(call, { ...forScripts(account), usage }, table(factsAbout(account, usage, parts.now())))
    },
  },
  'user set': {
    usage: 'user set NAME OPTION ...',
    summary: 'change an account',
    options: CHANGE_OPTIONS,
    async run(call) {
      const { actor, parts, names, values } = call
      const [name] = exactly(names, 1, this.usage)
      const before = await parts.actions.show(actor, name!)
      const changes = changesOf(values, before, parts.now())
      if (Object.keys(changes).length === 0)
        throw new OpError('EUSAGE', `Nothing to change. Usage: ${this.usage}`)
      const account = await parts.actions.set(actor, name!, changes, before.version)
      answer(call, forScripts(account), [`"${account.name}" is changed`])
    },
  },
  'user passwd': {
    usage: 'user passwd NAME --password-stdin',
    summary: 'set a password, read from standard input',
    options: { 'password-stdin': { type: 'boolean', about: ['its first line is the password'] } },
    async run(call) {
      const { actor, parts, io, names } = call
      const [name] = exactly(names, 1, this.usage)
      await parts.actions.show(actor, name!)
      const account = await parts.actions.setPassword(actor, name!, await firstLine(io, 'password'))
      answer(call, forScripts(account), [`The password of "${name}" is set`])
    },
  },
  'user del': {
    usage: 'user del NAME [--yes]',
    summary: 'delete an account; its files are moved to removed/',
    options: { yes: YES },
    async run(call) {
      const { actor, parts, io, names, values } = call
      const [name] = exactly(names, 1, this.usage)
      const { version } = await parts.actions.show(actor, name!)
      if (values.yes !== true) {
        const { files, used } = await parts.actions.usage(actor, name!)
        const yes = await io.confirm(
          `Delete "${name}" and end its sessions? What it has, ${showEntries(files)} (${showBytes(used)}), is kept in removed/`,
        )
        if (yes === undefined)
          throw new OpError('EUSAGE', `Nobody is there to be asked: say --yes to delete "${name}"`)
        if (!yes) throw new OpError('ECANCELED', 'Nothing was deleted')
      }
      const kept = await parts.actions.remove(actor, name!, version)
      const where = kept === undefined ? '' : `; its files are in ${kept}`
      answer(call, { name, files: kept ?? null }, [`"${name}" is deleted${where}`])
    },
  },
  'user disable': switched('disable', true),
  'user enable': switched('enable', false),
}

function switched(verb: 'disable' | 'enable', disabled: boolean): Word {
  return {
    usage: `user ${verb} NAME`,
    summary: disabled
      ? 'let an account no longer log in, and end its sessions'
      : 'let an account log in again',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const account: Account = await call.parts.actions.set(call.actor, name!, { disabled })
      answer(call, forScripts(account), [`"${name}" is ${verb}d`])
    },
  }
}
