import { parseArgs } from 'node:util'
import { capacityOptions, type Question, readQuestion } from '#bench/capacity-options'

export interface Options {
  readonly command: string
  /** What the command is about: the operation to profile. */
  readonly subject: string | undefined
  readonly rounds: number
  readonly seconds: number
  /** Before the first round of each operation. */
  readonly warmUpSeconds: number
  /** Once for each server: V8 takes thousands of requests to compile what is hot. */
  readonly firstWarmUpSeconds: number
  readonly connections: number
  /** Names of targets and operations that are left; all where it is empty. */
  readonly only: readonly string[]
  readonly quick: boolean
  readonly write: boolean
  /** Environment of the service beside what the benchmark sets. */
  readonly settings: Readonly<Record<string, string>>
  /** Another checkout of this repository, to be measured beside this one. */
  readonly base: string | undefined
  /** What the model of capacity is asked. */
  readonly question: Question
}

/** Reads the command line of `npm run bench -- …`. @throws for an option it lacks, or cannot read */
export function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...capacityOptions,
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      base: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
    },
  })
  const [command = 'all', subject] = positionals
  const { quick } = values
  return {
    command,
    subject,
    quick,
    write: values.write,
    only: values.only.split(',').filter((name) => name !== ''),
    rounds: Number(values.rounds ?? (quick ? 1 : 5)),
    seconds: Number(values.seconds ?? defaultSeconds(command, quick)),
    warmUpSeconds: quick ? 0.4 : 1.5,
    firstWarmUpSeconds: quick ? 1 : 8,
    connections: Number(values.connections ?? (command === 'load' ? 1000 : 64)),
    question: readQuestion(values),
    base: values.base,
    settings: Object.fromEntries(values.set.map(readSetting)),
  }
}

function defaultSeconds(command: string, quick: boolean): number {
  if (command === 'load') return quick ? 10 : 60
  if (command === 'profile') return quick ? 4 : 10
  return quick ? 0.4 : 3
}

function readSetting(text: string): [string, string] {
  const [name = '', ...value] = text.split('=')
  return [name, value.join('=')]
}
