/** The values that are lists, separated by commas: origins of pages, and addresses of proxies. */
import { BlockList, isIP } from 'node:net'
import * as z from 'zod'

export const origins = z.string().transform(toOrigins)
export const addresses = z.string().transform(toAddresses)

/** What registries of countries put before their code: `co.uk`, `com.au`, `ne.jp`. */
const registryLabel = /^(?:ac|co|com|edu|go|gob|gov|mil|ne|net|nom|or|org)$/

/** Names of the last label in which nobody can register a domain (RFC 6761, and ICANN's). */
const privateLabel = /^(?:localhost|test|example|invalid|local|internal)$/

const openness =
  'which pages of other people match too. Write more of the host, such as https://*.example.com or https://my-app-*.vercel.app'

/** Where anybody gets a name for pages. The list has what frontends of this service run on. */
const sharedHosts = new Set([
  ...['vercel.app', 'now.sh', 'netlify.app', 'pages.dev', 'workers.dev', 'github.io', 'gitlab.io'],
  ...['app.github.dev', 'herokuapp.com', 'onrender.com', 'up.railway.app', 'fly.dev', 'deno.dev'],
  ...['web.app', 'firebaseapp.com', 'a.run.app', 'appspot.com', 'azurewebsites.net', 'surge.sh'],
  ...['cloudfront.net', 'amplifyapp.com', 'replit.app', 'lovable.app', 'ngrok.app', 'ngrok.io'],
  ...['ngrok-free.app', 'trycloudflare.com', 'loca.lt'],
])

function toList(value: string): string[] {
  return value.split(',').flatMap((part) => part.trim() || [])
}

/** The origins as browsers send them. A `*` alone would match only `null`, which any page can have. */
function toOrigins(value: string, context: z.RefinementCtx<string>): string[] {
  const patterns = toList(value)
  for (const pattern of patterns) {
    const origin = toOrigin(pattern)
    if (origin !== undefined) {
      if (isForAnybody(origin)) context.addIssue(`has ${pattern}, ${openness}`)
      continue
    }
    // The usual mistake is a slash at the end, copied from the address bar.
    const meant = patterns.map((text) => toOrigin(text) ?? toOrigin(URL.parse(text)?.origin ?? ''))
    const remedy = meant.every((text) => text !== undefined)
      ? `Set it to ${meant.join()}`
      : 'Write the scheme, the host and the port of each, such as https://*.example.com'
    context.addIssue(`has ${pattern}, which is no origin. ${remedy}`)
  }
  return patterns.flatMap((pattern) => toOrigin(pattern) ?? [])
}

/**
 * An origin as the URL parser writes it, and as browsers send it: in small letters, without the
 * default port, in Punycode. One `*` may stand in it, for a label or a part of one.
 *
 * @returns undefined if it is none
 */
function toOrigin(text: string): string | undefined {
  const url = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#\\@]+$/i.test(text) ? URL.parse(text) : null
  if (url === null) return undefined
  const labels = url.host.split('.')
  const starred = labels.findIndex((label) => label.includes('*'))
  const stars = url.host.split('*').length - 1
  // In the last label it would match any domain, and Punycode moves the letters around it.
  const isWide = starred === labels.length - 1 || labels[starred]?.startsWith('xn--') === true
  if (stars > 1 || (stars === 1 && isWide)) return undefined
  // Not `url.origin`, which is `null` for the schemes of apps, such as capacitor:.
  return `${url.protocol}//${url.host}`
}

/**
 * Whether anybody can get a host that the pattern matches, by registering a domain or a name on a
 * shared host. On a shared host, letters beside the `*` narrow it down: `https://my-app-*.vercel.app`.
 */
function isForAnybody(pattern: string): boolean {
  const [, part = '', domain] = /([^/.]*\*[^.]*)\.([^:]+?)\.?(?::\d+)?$/.exec(pattern) ?? []
  if (domain === undefined) return false
  const [label = '', last, ...others] = domain.toLowerCase().split('.')
  if (last === undefined) return !privateLabel.test(label)
  const isRegistry = others.length === 0 && last.length === 2 && registryLabel.test(label)
  return isRegistry || (part === '*' && sharedHosts.has(domain))
}

function toAddresses(value: string, context: z.RefinementCtx<string>): BlockList {
  const networks = new BlockList()
  for (const part of toList(value)) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(part) ?? []
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const mostBits = family === 'ipv6' ? 128 : 32
    if (isIP(address) === 0 || Number(bits ?? 0) > mostBits) {
      context.addIssue(`has ${part}, which is no address and no network such as 10.0.0.0/8.`)
    } else if (bits === undefined) networks.addAddress(address, family)
    else networks.addSubnet(address, Number(bits), family)
  }
  return networks
}
