#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { codeOf } from './code.mjs'
import { runWithNode } from './node.mjs'

await runWithNode(import.meta.url, () => {
  // V8 lets what is young grow to 48 MiB before it looks: a server whose disk is slow for a moment grew by as much.
  // From the command line it takes no factor under 2.
  setFlagsFromString('--semi-space-growth-factor=1')
  return import(codeOf('main').href)
})
