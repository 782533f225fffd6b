#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { codeOf } from './code.mjs'
import { runWithNode } from './node.mjs'

// Each file that is moved leaves some 30 KB behind: with the MiB that V8 begins with, it collects for every thirty of them.
// Only whoever starts Node can say so; words for the console have no use for it.
const verb = process.argv[2] ?? 'serve'
const flags = verb === 'serve' || verb.startsWith('-') ? ['--min-semi-space-size=4'] : []

await runWithNode(
  import.meta.url,
  () => {
    // Then V8 lets what is young grow to 48 MiB before it looks: a server whose disk is slow for a moment grew by as much.
    // From the command line it takes no factor under 2.
    setFlagsFromString('--semi-space-growth-factor=1')
    return import(codeOf('main').href)
  },
  flags,
)
