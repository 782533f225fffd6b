/**
 * What a WRITE brings is lent for the call alone, for it lies in the buffer that the socket is read into: whoever waits
 * takes a copy first. (A Buffer's own `slice` makes none.)
 */
export function copied(data: readonly Uint8Array[]): readonly Uint8Array[] {
  return [Buffer.concat(data)]
}

/** How many bytes it is. */
export function lengthOf(data: readonly Uint8Array[]): number {
  let sum = 0
  for (const part of data) sum += part.length
  return sum
}
