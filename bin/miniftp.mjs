#!/usr/bin/env node
import { codeOf } from './code.mjs'
import { lostName } from './lost-names.mjs'
import { runWithNode } from './node.mjs'

const lost = lostName()
if (lost === undefined) await runWithNode(import.meta.url, () => import(codeOf('client/main').href))
else {
  console.error(
    `miniftp: "${lost}" is not UTF-8, and does not come through the command line as it is: name it by a pattern in quotes, such as 'host:name*', or at the prompt, as $'\\xff'`,
  )
  process.exitCode = 2
}
