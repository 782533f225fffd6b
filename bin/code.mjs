import { existsSync } from 'node:fs'

/** A file of the program: its source in a checkout; in an installed package, where Node strips no types, what was built of it. */
export function codeOf(name) {
  const source = new URL(`../src/${name}.ts`, import.meta.url)
  return existsSync(source) ? source : new URL(`../dist/${name}.js`, import.meta.url)
}
