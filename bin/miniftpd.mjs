#!/usr/bin/env node
import { runWithNode } from './node.mjs'

await runWithNode(new URL('../src/main.ts', import.meta.url))
