import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { resolve } from 'node:path'

/**
 * What keeps watch over a child: its input ends when this process does, even by SIGKILL, and then
 * it kills the child's process group. A command line of its own keeps it out of ours.
 */
const watch = 'read -r _; kill -s KILL -- "-$0"'

/**
 * Starts a program, with all that it starts in turn, in a process group that ends with this process.
 * Otherwise a run that is cut off leaves its servers behind.
 */
export function startChild(
  program: string,
  parameters: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(program, parameters, { ...options, detached: true })
  if (child.pid === undefined) return child
  const watcher = spawn('/bin/sh', ['-c', watch, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watcher.unref()
  child.once('exit', () => {
    killGroup(child)
    watcher.kill('SIGKILL')
  })
  return child
}

/** What a child has printed so far, asked for by a call. */
export function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let printed = ''
  for (const stream of [stdout, stderr]) {
    stream?.on('data', (chunk) => {
      printed += chunk
    })
  }
  return () => printed
}

/** Ends a child of `startChild` at once, with all that it has started. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Nothing of the group is left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

const { PATH = '', HOME = '' } = process.env
/**
 * What processes have in their environment that tests start: little of ours, and where they keep the
 * code that Node has compiled, which is almost half of the work of a start. Node compares the source,
 * and only a process that ends by itself adds to it.
 */
export const usual = { PATH, HOME, NODE_COMPILE_CACHE: resolve('.data/compile-cache') }
