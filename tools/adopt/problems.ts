/** Why a row cannot become a task as it is. */
export interface ProblemMeaning {
  readonly means: string
  /** What `--repair` does with such a row. Without it, the row can only be left. */
  readonly repair?: string
  /** Whether leaving such rows is the more likely choice. */
  readonly isMostlyLeft?: true
}

/** Every kind of problem, in the order in which they are reported. */
export const problemMeanings = {
  deleted: {
    means: 'it is marked as deleted',
    repair: 'brings it over as a task like any other',
    isMostlyLeft: true,
  },
  owner_missing: { means: 'it belongs to nobody' },
  owner_unfit: { means: 'the users table cannot hold an id like its owner’s' },
  owner_unknown: {
    means: 'its owner has no row in the users table',
    repair: 'adds a row with that id, and nothing else in it, to the users table',
  },
  title_blank: { means: 'its title is missing or blank' },
  title_too_long: {
    means: 'its title has more than 200 characters',
    repair: 'cuts it after 200; the old table keeps the whole',
  },
  description_too_long: {
    means: 'its description has more than 1,000 characters',
    repair: 'cuts it after 1,000; the old table keeps the whole',
  },
  completed_missing: {
    means: 'it does not say whether it is done',
    repair: 'takes it as not done',
  },
  completed_contradictory: { means: 'its columns completed and is_completed differ' },
  time_missing: {
    means: 'its time of creation is missing, or a time is no date of the years 1 to 9999',
    repair: 'takes its other time, or else the moment of the adoption',
  },
  id_repeated: {
    means: 'its id is that of another row of the same owner, in another spelling',
    repair: 'brings over the one of them that was changed last, and leaves the others',
  },
  id_taken: { means: 'the service has a task of the same owner with its id already' },
} as const satisfies Record<string, ProblemMeaning>

export type ProblemKind = keyof typeof problemMeanings
export const problemKinds = Object.keys(problemMeanings) as ProblemKind[]

/** The kinds that `--repair` can do something about. */
export const repairableKinds = problemKinds.filter((kind) => 'repair' in problemMeanings[kind])

/** Whether a word of the command line names a kind. */
export function isProblemKind(word: string): word is ProblemKind {
  return Object.hasOwn(problemMeanings, word)
}
