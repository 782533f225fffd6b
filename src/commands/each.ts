import { isOpError, type OpError } from '../base/error.ts'
import type { CommandContext } from './command.ts'
import { sentenceOf } from './failed.ts'

/**
 * Does `act` for each name. One that fails is complained of and the others are done all the same; the last failure is
 * given back, for whoever has more to print before it is thrown.
 */
export async function failureOfEach(
  names: readonly string[],
  { complain, signal }: CommandContext,
  act: (name: string) => Promise<void>,
): Promise<OpError | undefined> {
  let last: OpError | undefined
  for (const name of names) {
    try {
      await act(name)
    } catch (error) {
      if (!isOpError(error) || error.code === 'ECANCELED' || signal.aborted) throw error
      if (last !== undefined) await complain(sentenceOf(last))
      last = error
    }
  }
  return last
}

/** The same, where nothing is left to be done. Throws the last failure. */
export async function forEach(
  names: readonly string[],
  context: CommandContext,
  act: (name: string) => Promise<void>,
): Promise<void> {
  const failure = await failureOfEach(names, context, act)
  if (failure !== undefined) throw failure
}
