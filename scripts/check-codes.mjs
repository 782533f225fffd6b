// Each code of src/base/error.ts has its row in docs/errors.md, and each row its code.
//
//   node scripts/check-codes.mjs [ROOT]     exit 1 and one line for each difference
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @returns {string[]} one sentence for each difference under `root` */
export function differences(root) {
  const codes = codesOf(readFileSync(join(root, 'src/base/error.ts'), 'utf8'))
  const rows = rowsOf(readFileSync(join(root, 'docs/errors.md'), 'utf8'))
  if (codes.length === 0) return ['src/base/error.ts names no codes: is `type ErrorCode` still there?']
  return [
    ...codes.filter((code) => !rows.has(code)).map((code) => `${code} has no row in docs/errors.md`),
    ...codes
      .filter((code) => rows.get(code) === '')
      .map((code) => `${code} has no sentence in docs/errors.md`),
    ...[...rows.keys()]
      .filter((code) => !codes.includes(code))
      .map((code) => `${code} is in docs/errors.md only`),
  ]
}

function codesOf(source) {
  const union = /export type ErrorCode =\n((?: *(?:\|.*|\/\/.*)\n)+)/.exec(source)?.[1] ?? ''
  return [...union.matchAll(/^ *\| '(\w+)'/gm)].map((match) => match[1])
}

/** `| code | sentence | …`: the second column says what it means. */
function rowsOf(text) {
  return new Map([...text.matchAll(/^\| `(E\w+)` \|([^|]*)\|/gm)].map((match) => [match[1], match[2].trim()]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = differences(resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..')))
  for (const line of found) console.error(`check-codes: ${line}`)
  if (found.length > 0) process.exitCode = 1
}
