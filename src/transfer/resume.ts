/** A file at one of the two sides, as far as a resume must know it. */
export interface Side {
  /** Bytes. */
  readonly size: number
  /** MD5 (hex) of its first `bytes`; undefined when this side cannot tell. Asked only where the plan needs it. */
  md5(bytes: number): Promise<string | undefined>
}

export interface ResumeWishes {
  /** What is there is replaced when it is other content. */
  readonly force?: boolean
  /** What is there is not even looked at. */
  readonly restart?: boolean
  /** Where no MD5 can be had, an equal beginning is believed. */
  readonly trustSize?: boolean
}

export type ResumePlan =
  | { readonly do: 'start' }
  /** `proved`: the MD5 of the first `offset` bytes is the same at both sides. */
  | { readonly do: 'continue'; readonly offset: number; readonly proved: boolean }
  /** The same content is there already. */
  | { readonly do: 'nothing'; readonly md5: string | undefined }
  /** What is there goes. */
  | { readonly do: 'replace' }
  | { readonly do: 'refuse'; readonly because: 'longer' }
  | {
      readonly do: 'refuse'
      readonly because: 'differs'
      readonly bytes: number
      readonly source: string
      readonly target: string
    }
  | { readonly do: 'refuse'; readonly because: 'unproved'; readonly bytes: number }

/** What to do with what is already at the target; undefined: nothing is. Nothing is changed, and no byte is moved. */
export async function planResume(
  source: Side,
  target: Side | undefined,
  wishes: ResumeWishes,
): Promise<ResumePlan> {
  const { force = false, restart = false, trustSize = false } = wishes
  if (target === undefined) return { do: 'start' }
  if (restart) return { do: 'replace' }
  if (target.size === 0 && source.size > 0) return { do: 'continue', offset: 0, proved: true }
  if (target.size > source.size) return force ? { do: 'replace' } : { do: 'refuse', because: 'longer' }
  // An appended log has its old content as its beginning: to replace is to replace, and not to go on with it.
  if (force && target.size < source.size) return { do: 'replace' }

  const bytes = target.size
  const whole = bytes === source.size
  const theirs = await target.md5(bytes)
  const ours = theirs === undefined ? undefined : await source.md5(bytes)
  if (theirs === undefined || ours === undefined) {
    if (force) return { do: 'replace' }
    if (!trustSize) return { do: 'refuse', because: 'unproved', bytes }
    return whole ? { do: 'nothing', md5: undefined } : { do: 'continue', offset: bytes, proved: false }
  }
  if (ours !== theirs)
    return force
      ? { do: 'replace' }
      : { do: 'refuse', because: 'differs', bytes, source: ours, target: theirs }
  return whole ? { do: 'nothing', md5: ours } : { do: 'continue', offset: bytes, proved: true }
}
