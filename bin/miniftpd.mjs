#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { codeOf } from './code.mjs'
import { runWithNode } from './node.mjs'

// V8 lets what is young grow to 48 MiB before it looks: a server whose disk is slow for a moment grew by as much.
setFlagsFromString('--semi-space-growth-factor=1')
await runWithNode(codeOf('main'))
