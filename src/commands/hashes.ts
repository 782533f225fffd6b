import { createHash } from 'node:crypto'
import { OpError } from '../base/error.ts'
import { shown, shownBytes } from '../base/escape.ts'
import { countBytes } from '../base/units.ts'
import type { Algorithm } from '../transfer/digest.ts'
import { nameOf, virtualPath } from '../vfs/path.ts'
import type { Command, CommandContext } from './command.ts'
import { forEach } from './each.ts'
import { jsonLine, jsonName } from './json.ts'
import { usageError } from './language.ts'

export const md5 = hashCommand('md5')
export const sha256 = hashCommand('sha256')
/** As coreutils print them; what rclone and people with scripts ask for. */
export const md5sum = sumCommand('md5sum', 'md5')
export const sha1sum = sumCommand('sha1sum', 'sha1')
export const sha256sum = sumCommand('sha256sum', 'sha256')

/** Hex digits of the hash of a file, or of its first `bytes`. EINVAL when there are fewer. */
export async function hashOf(
  context: CommandContext,
  name: string,
  algorithm: Algorithm,
  bytes?: number,
): Promise<{ readonly hash: string; readonly size: number }> {
  const file = await context.vfs.open(virtualPath(name, context.cwd), { read: true, hash: true })
  try {
    const { size } = await file.stat()
    if (bytes !== undefined && bytes > size) {
      throw new OpError('EINVAL', `"${shown(name)}" has ${countBytes(size)}, which is fewer than ${bytes}`)
    }
    const made = await context.hash.of(
      context.account,
      file,
      { algorithm, offset: 0, length: bytes },
      context.signal,
    )
    return { hash: Buffer.from(made).toString('hex'), size: bytes ?? size }
  } finally {
    await file.close()
  }
}

function hashCommand(name: 'md5' | 'sha256'): Command {
  return {
    name,
    usage: `${name} [--json] FILE... [BYTES]`,
    summary: `${name === 'md5' ? 'MD5' : 'SHA-256'} of files, or of the first BYTES of one`,
    options: { json: { type: 'boolean', about: ['as one JSON value'] } },
    async run({ args, has, context, command, matched }) {
      if (args.length === 0) throw usageError(command)
      const hasLength = args.length === 2 && !matched && /^\d{1,15}$/.test(args[1]!)
      const files = hasLength ? args.slice(0, 1) : args
      const length = hasLength ? Number(args[1]) : undefined
      const facts: object[] = []
      await forEach(files, context, async (file) => {
        const { hash, size } = await hashOf(context, file, name, length)
        if (!has('json')) return context.print(`${hash}  ${shown(file)}`)
        facts.push({ ...jsonName(nameOf(virtualPath(file, context.cwd))), [name]: hash, size })
      })
      if (has('json')) await context.print(jsonLine(facts.length === 1 ? facts[0] : facts))
    },
  }
}

function sumCommand(name: string, algorithm: Algorithm): Command {
  return {
    name,
    usage: `${name} [FILE...]`,
    summary: `${algorithm} of files or of standard input, as coreutils print it`,
    hidden: true,
    options: { binary: { type: 'boolean', short: 'b' }, text: { type: 'boolean', short: 't' } },
    async run({ args, context }) {
      for (const file of args.length === 0 ? ['-'] : args) {
        const hash =
          file === '-' ? await hashInput(context, algorithm) : (await hashOf(context, file, algorithm)).hash
        await context.write(Buffer.from(`${sumLine(hash, file)}\n`, 'latin1'))
      }
    },
  }
}

/** A name with a newline or a backslash is escaped, and the line begins with a backslash to say so. */
function sumLine(hash: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === name ? '' : '\\'}${hash}  ${shownBytes(escaped)}`
}

async function hashInput({ input }: CommandContext, algorithm: Algorithm): Promise<string> {
  const hash = createHash(algorithm)
  for await (const chunk of input) hash.update(chunk)
  return hash.digest('hex')
}
