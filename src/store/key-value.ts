/** Where records lie. A store that cannot be asked rejects; it never looks empty. */
export interface KeyValue extends AsyncDisposable {
  /** undefined = not there. */
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<void>
  /** Whether it was there. */
  delete(key: string): Promise<boolean>
  entries(prefix: string): AsyncIterable<readonly [key: string, value: unknown]>
}
