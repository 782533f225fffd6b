import { readFileSync } from 'node:fs'

const about = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')

/** Of the program, as package.json has it: "0.1.0". */
export const VERSION = (JSON.parse(about) as { readonly version: string }).version

/** Its first two numbers: what either end of a connection says that it is has no hyphen (RFC 4253 §4.2). */
export const RELEASE = VERSION.split('.', 2).join('.')
