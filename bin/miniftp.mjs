#!/usr/bin/env node
import { codeOf } from './code.mjs'
import { runWithNode } from './node.mjs'

await runWithNode(import.meta.url, () => import(codeOf('client/main').href))
