import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}

/** The file that V8 writes: at each sample, the innermost function, as a node of the call tree. */
export interface CpuProfile {
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  readonly nodes: readonly ProfileNode[]
}

/** Microseconds by name, most first. */
type Times = [string, number][]

export interface ReadProfile {
  /** By package, file of our own, or module of Node; native work counts for who called it. */
  readonly places: Times
  /** What each function spent itself. */
  readonly own: Times
  /** What each function outside Node spent with all that it called. */
  readonly withCalled: Times
  readonly totalUs: number
}

/**
 * Adds up the samples of a window, without those in which the process waited.
 *
 * @param fromUs start of the window on the machine's monotonic clock, which V8 uses too
 */
export function readProfile(profile: CpuProfile, fromUs: number, toUs: number): ReadProfile {
  const stacks = stacksOf(profile.nodes)
  const [places, own, withCalled] = [new Map(), new Map(), new Map<string, number>()]
  let totalUs = 0
  let at = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0
    const stack = stacks.get(id) ?? []
    const [innermost] = stack
    if (at < fromUs || at > toUs || innermost?.functionName === '(idle)') continue
    const us = profile.timeDeltas[index + 1] ?? 0
    totalUs += us
    const caller = stack.find(({ url }) => url !== '')
    add(places, caller ? placeOf(caller.url) : (innermost?.functionName ?? ''), us)
    if (innermost) add(own, nameOf(innermost), us)
    const outsideNode = stack.filter(({ url }) => url.startsWith('file:'))
    for (const name of new Set(outsideNode.map(nameOf))) add(withCalled, name, us)
  }
  const mostFirst = (times: Map<string, number>) =>
    [...times].toSorted(([, one], [, other]) => other - one)
  return {
    ...{ places: mostFirst(places), own: mostFirst(own), withCalled: mostFirst(withCalled) },
    totalUs,
  }
}

/** For each node its frame and those of its callers, innermost first. */
function stacksOf(nodes: readonly ProfileNode[]): Map<number, readonly CallFrame[]> {
  const parents = new Map(nodes.flatMap((node) => node.children?.map((id) => [id, node]) ?? []))
  return new Map(
    nodes.map((node) => {
      const stack: CallFrame[] = []
      for (let at: ProfileNode | undefined = node; at; at = parents.get(at.id)) {
        stack.push(at.callFrame)
      }
      return [node.id, stack]
    }),
  )
}

function placeOf(url: string): string {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (name !== undefined) return name
  return url.startsWith('node:') ? url.split('/').slice(0, 2).join('/') : fileOf(url)
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName || '(anonymous)'
  return url === '' ? name : `${name} ${fileOf(url)}:${lineNumber + 1}`
}

function fileOf(url: string): string {
  if (!url.startsWith('file:')) return url
  return relative(process.cwd(), fileURLToPath(url)).replace(/.*node_modules\//, '')
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us)
}
