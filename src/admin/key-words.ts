import { keyInfo, parseKeyLine } from '../accounts/keys.ts'
import { OpError } from '../base/error.ts'
import { showKey } from './show.ts'
import { answer, exactly, KEY_LINE, listOf, type Word } from './word.ts'

/** Words about the public keys of an account. */
export const KEY_WORDS: Readonly<Record<string, Word>> = {
  'key add': {
    usage: 'key add NAME [--key FILE | --key-line LINE] (or the key on standard input)',
    summary: 'let a public key log in',
    options: { 'key-line': KEY_LINE },
    async run(call) {
      const { actor, parts, io, names, values } = call
      const [name] = exactly(names, 1, this.usage)
      await parts.actions.show(actor, name!)
      const given = listOf(values['key-line'])
      const lines = given.length > 0 ? given : keyLines(await io.input())
      if (lines.length === 0)
        throw new OpError('EINVAL', 'There is no key in the input: give the line of a ".pub" file')
      // All of them are looked at before the first is added.
      for (const line of lines) parseKeyLine(line)
      const keys = []
      for (const line of lines) keys.push(await parts.actions.addKey(actor, name!, line))
      answer(
        call,
        keys,
        keys.map(({ fingerprint }) => `"${name}" can log in with ${fingerprint}`),
      )
    },
  },
  'key list': {
    usage: 'key list NAME [--json]',
    summary: 'the public keys of an account',
    async run(call) {
      const [name] = exactly(call.names, 1, this.usage)
      const { keys } = await call.parts.actions.show(call.actor, name!)
      answer(call, keys.map(keyInfo), keys.map(showKey))
    },
  },
  'key del': {
    usage: 'key del NAME FINGERPRINT|COMMENT',
    summary: 'remove a public key',
    async run(call) {
      const [name, which] = exactly(call.names, 2, this.usage)
      const key = await call.parts.actions.removeKey(call.actor, name!, which!)
      answer(call, key, [`"${name}" can no longer log in with ${key.fingerprint}`])
    },
  },
}

function keyLines(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
}
