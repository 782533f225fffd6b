import { askServer } from '../../src/control.ts'
import type { TestServer } from './start-server.ts'

export interface Said {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** The admin's words to a running server over its control socket, as `miniftpd WORDS` sends them, without a process. */
export async function adminWords(server: TestServer, words: readonly string[], input = ''): Promise<Said> {
  let stdout = ''
  let stderr = ''
  const status = await askServer(server.var, words, {
    print(line) {
      stdout += `${line}\n`
    },
    complain(line) {
      stderr += `${line}\n`
    },
    input: async () => input,
    confirm: async () => undefined,
  })
  if (status === undefined) throw new Error('No server listens at the control socket')
  return { status, stdout, stderr }
}
