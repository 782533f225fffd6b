// Holds the tree of ARCHITECTURE.md section 2: each source file has its line there, and each line its file.
//
//   node scripts/check-tree.mjs [ROOT]     exit 1 and one line for each difference
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folders whose every file must be told of; below them the tree names folders (`vfs/`) and files (`jail.ts`). */
const TOLD = ['src', 'bin', 'native', 'scripts', 'bench', 'examples']
const NOT_TOLD = /(^|\/)(node_modules|build|\..*|.*\.json)$/

/** @returns {string[]} one sentence for each difference under `root` */
export function differences(root) {
  const told = toldFiles(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
  const real = TOLD.filter((folder) => existsSync(join(root, folder))).flatMap((folder) => walk(root, folder))
  const twice = told.filter((file, at) => told.indexOf(file) !== at)
  return [
    ...real.filter((file) => !told.includes(file)).map((file) => `${file} has no line in ARCHITECTURE.md`),
    ...told.filter((file) => !real.includes(file)).map((file) => `${file} is in ARCHITECTURE.md only`),
    ...twice.map((file) => `${file} has two lines in ARCHITECTURE.md`),
  ].sort()
}

/**
 * The files of every fenced block that starts with ```tree. Two spaces a level; a first word that ends in `/` is
 * a folder; what follows the first word is for people, and a line without it tells nothing. A line that stands
 * deeper than a file can goes on with the line above.
 */
function toldFiles(text) {
  return [...text.matchAll(/^```tree\n(.*?)^```/gms)].flatMap((block) => filesOf(block[1]))
}

function filesOf(block) {
  const folders = []
  const files = []
  for (const line of block.split('\n')) {
    const parts = /^( *)(\S+)(?:\s+(\S.*))?$/.exec(line)
    if (!parts) continue
    const [, indent, name, says] = parts
    if (indent.length > folders.length * 2) continue
    folders.length = indent.length / 2
    if (name.endsWith('/')) folders.push(name.slice(0, -1))
    else if (says) files.push([...folders, name].join('/'))
  }
  return files
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (NOT_TOLD.test(path)) return []
    return entry.isDirectory() ? walk(root, path) : [path]
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = differences(resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..')))
  for (const line of found) console.error(`check-tree: ${line}`)
  if (found.length > 0) process.exitCode = 1
}
