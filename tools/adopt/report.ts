/** What `npm run db:adopt` prints. */
import type { Done } from '#tools/adopt/carry-out'
import type { Judgement } from '#tools/adopt/judged-rows'
import type { Plan } from '#tools/adopt/plan'
import { type ProblemMeaning, problemMeanings } from '#tools/adopt/problems'
import type { Problem, Survey } from '#tools/adopt/survey'
import type { Column } from '#tools/adopt/table-facts'

const number = (count: number) => count.toLocaleString('en')
const rows = (count: number) => `${number(count)} ${count === 1 ? 'row' : 'rows'}`

/** The plan as lines of text, and whether `--yes` would carry it out. */
export function describePlan(plan: Plan): { lines: string[]; isPossible: boolean } {
  const { old, faults } = plan
  if (plan.rows === undefined) {
    const lines = [
      `The table ${old.label} cannot be adopted:`,
      ...faults.map((fault) => `  ${fault}`),
      'Nothing was changed.',
    ]
    return { lines, isPossible: false }
  }
  const { judgement, survey } = plan.rows
  const isPossible = survey.stuck === 0
  const lines = [
    `The table ${old.label} has ${rows(survey.rows)} of ${number(survey.owners)} users. A task would take`,
    ...describeColumns(plan, judgement, survey),
    '',
    ...describeProblems(plan, judgement, survey),
    'It would, in one transaction:',
    ...steps(plan, judgement, survey).map((step) => `  - ${step}`),
    '',
    isPossible
      ? 'Nothing was changed. Stop the old backend; then, with the same options, add --yes: npm run db:adopt -- --yes'
      : `Nothing was changed, and --yes would change nothing either: say what is to become of ${rows(survey.stuck)}, with --repair and --leave.`,
  ]
  return { lines, isPossible }
}

/** What was done, and what is left for the operator to do. */
export function describeDone(plan: Plan, done: Done): string[] {
  const { kept, ids, dependants } = plan
  return [
    `${number(done.copied)} tasks were brought over, ${rows(done.left)} left behind, and the counts agree.`,
    ...(done.addedUsers > 0
      ? [`${rows(done.addedUsers)} added to the users table, with an id alone.`]
      : []),
    `${kept.table} is the old table. ${ids.table} says for each of its ids which task it has become, or why it was left.`,
    ...(dependants.length > 0 ? [`These go on with the old table: ${dependants.join(', ')}.`] : []),
    'What a user deletes from now on stays in those two tables: drop them once you have compared.',
  ]
}

function describeColumns({ users }: Plan, judgement: Judgement, survey: Survey): string[] {
  const { mapping, timeZone } = judgement
  const named = (column: Column) => `${column.name} (${column.type})`
  const time = (column: Column | undefined, instead: string) => {
    if (column === undefined) return `${instead}: there is no such column`
    return column.type.endsWith('with time zone')
      ? named(column)
      : `${named(column)}, read as ${timeZone}`
  }
  const trimmed = `, without the white space around it (${rows(survey.trimmed)})`
  const others = mapping.others.map(({ name }) => `${name} (${rows(survey.filled[name] ?? 0)})`)
  return [
    `  id           from ${named(mapping.id)}${survey.computedIds > 0 ? `; ${rows(survey.computedIds)} whose id is no UUID get one that is computed from it` : ''}`,
    `  user_id      from ${named(mapping.owner)}, as users name it: ${users.table?.label ?? 'a new table'}.id (${users.idType})`,
    `  title        from ${named(mapping.title)}${survey.trimmed > 0 ? trimmed : ''}`,
    `  description  from ${mapping.description ? named(mapping.description) : 'nothing: there is no such column'}`,
    `  completed    from ${mapping.completed.map(named).join(' and ')}`,
    `  created_at   from ${time(mapping.createdAt, mapping.updatedAt ? 'updated_at' : 'the moment of the adoption')}`,
    `  updated_at   from ${time(mapping.updatedAt, mapping.createdAt ? 'created_at' : 'the moment of the adoption')}`,
    ...(others.length > 0 ? [`In the old table alone stays what is in ${others.join(', ')}.`] : []),
  ]
}

function describeProblems({ users }: Plan, judgement: Judgement, survey: Survey): string[] {
  if (survey.problems.length === 0) return ['Every row can be brought over.', '']
  const describe = ({ kind, rows: count, ids }: Problem) => {
    const { means, repair }: ProblemMeaning = problemMeanings[kind]
    const refusal = kind === 'owner_unknown' ? users.refusal : undefined
    const more =
      count > ids.length ? ` and ${number(count - ids.length)} more (--ids lists all)` : ''
    const isEverybody = kind === 'owner_unknown' && count === survey.rows
    const doubt = `    no owner at all is in ${users.table?.label}: is that the right USERS_TABLE?`
    const chosen = judgement.leave.includes(kind)
      ? ['    these are left in the old table, as you say']
      : judgement.repair.includes(kind)
        ? [`    --repair ${kind} ${repair}, as you say`]
        : [
            ...(repair && !refusal ? [`    --repair ${kind} ${repair}`] : []),
            ...(refusal ? [`    it cannot be repaired: ${refusal}`] : []),
            `    --leave ${kind} leaves these rows in the old table`,
          ]
    return [
      `  ${kind} (${rows(count)}): ${means}`,
      `    ids ${ids.join(', ')}${more}`,
      ...(isEverybody && users.table ? [doubt] : []),
      ...chosen,
    ]
  }
  return ['Not every row can be brought over as it is:', ...survey.problems.flatMap(describe), '']
}

function steps(
  { old, kept, ids, users, userKeys, dependants }: Plan,
  { repair }: Judgement,
  survey: Survey,
): string[] {
  return [
    `rename ${old.table} to ${kept.table}, its indexes and sequences too, and keep it`,
    ...userKeys.map(
      (key) => `drop its foreign key ${key}, which would keep users from being deleted`,
    ),
    'run the migrations that are missing',
    ...users.missing.map((column) => `add the empty column ${column} to ${users.table?.label}`),
    ...(repair.includes('owner_unknown') ? ['add the users that own tasks and have no row'] : []),
    `copy ${rows(survey.copied)} to tasks, leave ${number(survey.left)}, and compare the counts`,
    `note in ${ids.table} which task each row has become`,
    ...dependants.map((dependant) => `leave ${dependant} with ${kept.table}, to which it refers`),
  ]
}
