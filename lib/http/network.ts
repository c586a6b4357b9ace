import { isIP, isIPv4 } from 'node:net'

/**
 * The part of an address that stands for one client. That is an IPv4 address, also if it is written
 * as IPv6, or the first 64 bits of an IPv6 address: a provider gives each customer at least such a
 * network.
 */
export function toNetwork(address: string): string {
  const [bare = ''] = address.split('%', 1)
  if (isIP(bare) !== 6) return address
  // As Node writes the address of each IPv4 client on a socket for both.
  if (bare.startsWith('::ffff:') && isIPv4(bare.slice(7))) return bare.slice(7)
  const groups = toGroups(bare)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.')
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** The eight numbers of an IPv6 address, which can be written in many ways. */
function toGroups(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [before = '', after = ''] = canonical.split('::')
  const [first, last] = [before, after].map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - (first?.length ?? 0) - (last?.length ?? 0) }, () => '0')
  return [...(first ?? []), ...zeros, ...(last ?? [])].map((group) => Number.parseInt(group, 16))
}
