import { isOpError, type OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'

/** What a person reads of an error. */
export function sentenceOf(error: OpError): string {
  return error.message.split('\n').map(escapeText).join('\n')
}

/** The exit status of an error (sysexits are nobody's habit): 1 failed, 2 usage, 130 cancelled. */
export function statusOfError(error: unknown): number {
  if (isOpError(error, 'EUSAGE')) return 2
  return isOpError(error, 'ECANCELED') ? 130 : 1
}
