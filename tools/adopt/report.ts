/** What `npm run db:adopt` prints. */
import type { Done } from '#tools/adopt/carry-out'
import type { Option } from '#tools/adopt/decisions'
import { describeColumns, number, rows } from '#tools/adopt/describe-columns'
import { describeProblems, openProblems } from '#tools/adopt/describe-problems'
import type { Plan, RowsOfPlan } from '#tools/adopt/plan'

/**
 * The plan as lines of text, and whether `--yes` would carry it out.
 *
 * @param given the options of this run as the shell reads them, to be repeated
 */
export function describePlan(
  plan: Plan,
  given: readonly string[],
): { lines: string[]; isPossible: boolean } {
  const { old, faults, decisions } = plan
  if (plan.rows === undefined) {
    const lines = [
      `The table ${old.label} cannot be adopted ${faults.length > 0 ? 'as it is' : 'without a decision'}:`,
      ...faults.map((fault) => `  ${fault}`),
      ...decisions.flatMap(({ means, options }) => [`  ${means}`, ...options.map(describeOption)]),
      'Nothing was changed.',
      ...tryAgain(
        given,
        decisions.map(({ options }) => options),
      ),
    ]
    return { lines, isPossible: false }
  }
  const { survey } = plan.rows
  const isPossible = survey.stuck === 0
  const lines = [
    `The table ${old.label} has ${rows(survey.rows)} of ${number(survey.owners)} users. A task would take`,
    ...describeColumns(plan, plan.rows),
    '',
    ...describeProblems(plan, plan.rows),
    'It would, in one transaction:',
    ...steps(plan, plan.rows).map((step) => `  - ${step}`),
    '',
    ...(isPossible
      ? [`Nothing was changed. Stop the old backend; then run\n${command([...given, '--yes'])}`]
      : [
          `Nothing was changed, and --yes would change nothing either: say what is to become of ${rows(survey.stuck)}.`,
          ...tryAgain(given, openProblems(plan, plan.rows)),
        ]),
  ]
  return { lines, isPossible }
}

const describeOption = ({ text, does }: Option) => `    ${text}${does ? `   (${does})` : ''}`

/** The command with the first option of each decision, if none has to be guessed. */
function tryAgain(given: readonly string[], open: readonly (readonly Option[])[]): string[] {
  const first = open.flatMap(([option]) => (option?.isGuess ? [] : (option?.text ?? [])))
  if (first.length === 0 || first.length < open.length) return []
  return ['The next look could be', command([...given, ...first])]
}

/** The whole command. What is no option is set before it. */
function command(options: readonly string[]): string {
  const isOption = (text: string) => text.startsWith('--')
  const rest = options.filter(isOption)
  const words = [
    ...options.filter((text) => !isOption(text)),
    'npm run db:adopt',
    ...(rest.length > 0 ? ['--', ...rest] : []),
  ]
  return `  ${words.join(' ')}`
}

/** What was done, and what is left for the operator to do. */
export function describeDone(plan: Plan, done: Done): string[] {
  const { kept, ids, dependants, functions } = plan
  return [
    `${number(done.copied)} tasks were brought over, ${rows(done.left)} left behind, and the counts agree.`,
    ...(done.addedUsers > 0
      ? [`${rows(done.addedUsers)} added to the users table, with an id alone.`]
      : []),
    `${kept.table} is the old table. ${ids.table} says for each of its ids which task it has become, or why it was left.`,
    ...(dependants.length > 0 ? [`These go on with the old table: ${dependants.join(', ')}.`] : []),
    ...(functions.length > 0
      ? [
          `These functions have to be looked at, ${functions.join(', ')}: each ${broken(plan).slice(3)}.`,
        ]
      : []),
    'What a user deletes from now on stays in those two tables: drop them once you have compared.',
  ]
}

function steps(plan: Plan, { judgement, survey }: RowsOfPlan): string[] {
  const { old, kept, ids, users, userKeys, dependants, functions, renewed } = plan
  return [
    `rename ${old.table} to ${kept.table}, its indexes and sequences too, and keep it for its owner alone`,
    ...userKeys.map(
      (key) => `drop its foreign key ${key}, which would keep users from being deleted`,
    ),
    ...(renewed
      ? [
          `drop the empty tasks that an earlier start made for the users in ${renewed.users}, and make it anew`,
        ]
      : []),
    'run the migrations that are missing',
    ...users.missing.map((column) => `add the empty column ${column} to ${users.table?.label}`),
    ...(judgement.repair.includes('owner_unknown')
      ? ['add the users that own tasks and have no row']
      : []),
    `copy ${rows(survey.copied)} to tasks, leave ${number(survey.left)}, and compare the counts`,
    `note in ${ids.table} which task each row has become`,
    ...dependants.map((dependant) => `leave ${dependant} with ${kept.table}, to which it refers`),
    ...functions.map((each) => `leave the function ${each} as it is: ${broken(plan)}`),
  ]
}

/** What becomes of a function whose text has the old table's name. */
function broken({ old }: Plan): string {
  return old.table === 'tasks'
    ? 'it names tasks, which will be the new table'
    : `it names ${old.table}, which will be gone`
}
