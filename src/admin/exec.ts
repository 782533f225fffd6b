import type { Actor } from '../accounts/actor.ts'
import { isOpError, OpError } from '../base/error.ts'
import { splitWords } from '../commands/words.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import { ioOf } from './exec-io.ts'
import { complaintOf, isForScripts, runWords, type WordsParts } from './words.ts'

/** The session handler of "exec" for admins: the words of words.ts over a channel; exit status 0, 1, 2. */
export function adminExec(parts: WordsParts): SessionHandler {
  return async (session) => {
    const { request, channel, log } = session
    if (request.type !== 'exec') return 2
    try {
      const words = splitWords(request.command).map((word) =>
        Buffer.from(word.text, 'latin1').toString('utf8'),
      )
      return await runWords(words, actorOf(session), parts, ioOf(session, request.pty))
    } catch (error) {
      if (session.signal.aborted) return 130
      if (!isOpError(error)) log.error('command failed', error)
      const said = isOpError(error) ? error : new OpError('EIO', 'Internal error, see the log')
      const json = isForScripts(request.command.split(' '))
      await channel.writeError(Buffer.from(`${complaintOf(said, json)}\n`))
      return said.code === 'EUSAGE' ? 2 : 1
    }
  }
}

export function actorOf({ identity, origin }: Session): Actor {
  return { name: identity.account, role: identity.role, from: origin.address }
}
