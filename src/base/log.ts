export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** An event word and fields, never a built sentence. Never a password, a key or a signature. */
export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, cause: unknown, fields?: Fields): void
  /** A log that adds `fields` to every line: one for a connection, one for a session. */
  with(fields: Fields): Log
}

/** Says nothing; for tests and tools. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
}
