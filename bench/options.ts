import { parseArgs } from 'node:util'

export interface Options {
  readonly command: string
  readonly rounds: number
  readonly seconds: number
  /** Before the first round of each operation. */
  readonly warmUpSeconds: number
  /** Once for each server: V8 takes thousands of requests to compile what is hot. */
  readonly firstWarmUpSeconds: number
  /** Everything is measured with each of these numbers of connections. */
  readonly connections: readonly number[]
  /** Of the load test: how many users, for how long. */
  readonly load: { readonly users: number; readonly seconds: number }
  /** Names of targets and operations that are left; all where it is empty. */
  readonly only: readonly string[]
  readonly quick: boolean
  readonly write: boolean
  /** Environment of the service beside what the benchmark sets. */
  readonly settings: Readonly<Record<string, string>>
  /** Another checkout of this repository, to be measured beside this one. */
  readonly base: string | undefined
  /** How long the disk takes for a commit; undefined: commits do not wait for it. */
  readonly commitMs: number | undefined
  /** Of a round trip to Postgres; where there are two, the second from half of each measurement on. */
  readonly networkMs: readonly number[] | undefined
}

/** Reads the command line of `npm run bench -- …`. @throws for an option that there is not */
export function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      base: { type: 'string' },
      'commit-ms': { type: 'string' },
      'network-ms': { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
    },
  })
  const [command = 'all'] = positionals
  const { quick, write, base } = values
  const connections = values.connections?.split(',').map(Number)
  return {
    ...{ command, quick, write, base },
    only: values.only.split(',').filter((name) => name !== ''),
    rounds: Number(values.rounds ?? (quick ? 1 : 5)),
    seconds: Number(values.seconds ?? (quick ? 0.4 : 3)),
    warmUpSeconds: quick ? 0.4 : 1.5,
    firstWarmUpSeconds: quick ? 1 : 8,
    connections: connections ?? [64],
    commitMs: values['commit-ms'] ? Number(values['commit-ms']) : undefined,
    networkMs: values['network-ms']?.split('-').map(Number),
    load: {
      users: connections?.[0] ?? 1000,
      seconds: Number(values.seconds ?? (quick ? 10 : 60)),
    },
    settings: Object.fromEntries(
      values.set.map((text) => text.split(/=(.*)/s, 2) as [string, string]),
    ),
  }
}
