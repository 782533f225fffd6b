type Program = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'exit'>

/**
 * Whoever reads what a program says may have heard enough (`| head -1`): then it ends as by SIGPIPE. Where it cannot be
 * written, as to a full disk, that is told by the program's `name`.
 */
export function endWithReader(program: Program, name: string): void {
  for (const stream of [program.stdout, program.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') program.exit(141)
      if (stream === program.stdout) program.stderr.write(`${name}: ${unwritten(error)}\n`)
      program.exit(1)
    })
}

/** Goes on where what it says is not read any more; answers what is to be told where it could not be written. */
export function outliveReader(program: Program): () => string | undefined {
  let why: string | undefined
  program.stderr.on('error', () => {})
  program.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') why ??= unwritten(error)
  })
  return () => why
}

function unwritten({ code = 'unknown' }: NodeJS.ErrnoException): string {
  return `What is told could not be written (${code}): look at the disk that it goes to`
}
