import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** The text of a file; '' where there is none. What else is wrong is an error of Node's. */
export function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw named(error, file)
  }
}

/** Replaces it in one step, for its owner alone: who reads meanwhile has the old text or the new. */
export function putText(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  } catch (error) {
    throw named(error, file)
  }
}

/** Of a folder, and of a full disk, Node does not say which file it was. */
function named(error: unknown, file: string): unknown {
  return error instanceof Error ? Object.assign(error, { path: file }) : error
}
