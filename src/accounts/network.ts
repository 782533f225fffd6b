import { BlockList, isIP } from 'node:net'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'

/** A set of addresses, from lines like '10.0.0.0/8', '2001:db8::/32' or one address. EINVAL names the line that is none. */
export function networks(lines: readonly string[]): { has(address: string): boolean } {
  const list = new BlockList()
  for (const line of lines) addNetwork(list, line)
  return {
    has(address) {
      const plain = plainAddress(address)
      const family = isIP(plain)
      return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
    },
  }
}

/** Whose score an address counts for: itself, or for IPv6 its /64, which one customer has as a rule. */
export function neighbourhood(address: string): string {
  const plain = plainAddress(address)
  if (isIP(plain) !== 6) return plain
  // The longest run of zeros is the one at the end, as RFC 5952 shortens it.
  return `${hextets(plain)
    .slice(0, 4)
    .join(':')
    .replace(/(^|:)0(:0)*$/, '')}::/64`
}

/** Without the zone, and an IPv4 address that came in over IPv6 ('::ffff:192.0.2.1') as what it is. */
export function plainAddress(address: string): string {
  const bare = address.split('%')[0]!
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)
  return mapped?.[1] ?? bare
}

function addNetwork(list: BlockList, line: string): void {
  const [address = '', bits, more] = line.trim().split('/')
  const family = isIP(address)
  const width = family === 4 ? 32 : 128
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || prefix < 0 || prefix > width || more !== undefined) {
    throw new OpError(
      'EINVAL',
      `"${escapeText(line)}" is not a network: write an address or a network such as 10.0.0.0/8`,
    )
  }
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
}

/** The eight groups of an IPv6 address, without leading zeros. */
function hextets(address: string): readonly string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? `${dotted[1]}${hex(Number(dotted[2]) * 256 + Number(dotted[3]))}:${hex(Number(dotted[4]) * 256 + Number(dotted[5]))}`
    : address
  const [head = '', tail] = text.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...(tail === undefined ? [] : zeros), ...after].map((group) =>
    hex(Number.parseInt(group, 16)),
  )
}

function hex(group: number): string {
  return group.toString(16)
}
