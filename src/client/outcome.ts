/** How one file went. */
export interface Outcome {
  readonly did: 'moved' | 'same'
  /** Bytes of the file, and how many of them were moved this time. */
  readonly size: number
  readonly moved: number
  /** Of the whole file, where it was made. */
  readonly md5: string | undefined
  /** Both sides have this MD5. False with `unverified`. */
  readonly verified: boolean
  /** Why it could not be compared. */
  readonly unverified?: string | undefined
  /** It went on from this byte. */
  readonly resumedAt?: number | undefined
}
