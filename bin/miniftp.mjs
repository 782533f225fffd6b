#!/usr/bin/env node
import { codeOf } from './code.mjs'
import { runWithNode } from './node.mjs'

await runWithNode(codeOf('client/main'))
