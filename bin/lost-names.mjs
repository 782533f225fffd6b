import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

/**
 * The first word of the client's command line that is no UTF-8, as a person may read it: Node hands it over with other characters
 * in the place of what is none, which would be another file's name. Undefined also where the system does not tell the words
 * as they were. What is to be sent is left to the client: it is not found, and the rest goes.
 */
export function lostName() {
  if (!process.argv.some((word) => word.includes('\ufffd'))) return undefined
  let words
  try {
    words = readFileSync('/proc/self/cmdline')
  } catch {
    return undefined
  }
  const sends = process.argv.includes('put')
  return words
    .toString('latin1')
    .split('\0')
    .filter((word) => !isUtf8(Buffer.from(word, 'latin1')) && !(sends && !/^[^/]*:/.test(word)))
    .map((word) => word.replace(/[^ -~]/g, escaped))[0]
}

function escaped(byte) {
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
}
