import { type Option, shellWord } from '#tools/adopt/decisions'
import { number, rows } from '#tools/adopt/describe-columns'
import type { Plan, RowsOfPlan } from '#tools/adopt/plan'
import { type ProblemMeaning, problemMeanings } from '#tools/adopt/problems'
import type { Problem } from '#tools/adopt/survey'

/** Says which rows cannot be brought over, why, and what can be done about them. */
export function describeProblems(plan: Plan, found: RowsOfPlan): string[] {
  const { judgement, survey } = found
  if (survey.problems.length === 0) return ['Every row can be brought over.', '']
  const describe = (problem: Problem) => {
    const { kind, rows: count, ids } = problem
    const { means, repair }: ProblemMeaning = problemMeanings[kind]
    const refusal = kind === 'owner_unknown' ? plan.users.refusal : undefined
    const more = count > ids.length ? ` and ${number(count - ids.length)} more` : ''
    const isEverybody = kind === 'owner_unknown' && count === survey.rows
    const doubt = `    no owner at all is in ${plan.users.table?.label}: is that the right USERS_TABLE?`
    const chosen = judgement.leave.includes(kind)
      ? ['    these are left in the old table, as you say']
      : judgement.repair.includes(kind)
        ? [`    --repair ${kind} ${repair}, as you say`]
        : [
            ...(refusal ? [`    it cannot be repaired: ${refusal}`] : []),
            ...optionsFor(plan, found, problem).map(
              ({ text, does }) => `    ${text}${does ? ` ${does}` : ''}`,
            ),
          ]
    return [
      `  ${kind} (${rows(count)}): ${means}`,
      `    ids ${ids.join(', ')}${more}`,
      ...(isEverybody && plan.users.table ? [doubt] : []),
      ...chosen,
    ]
  }
  return ['Not every row can be brought over as it is:', ...survey.problems.flatMap(describe), '']
}

/** What can be done about rows with a problem, the likeliest first. */
function optionsFor(
  { users, options }: Plan,
  { judgement: { mapping } }: RowsOfPlan,
  { kind }: Problem,
): Option[] {
  const { repair, isMostlyLeft }: ProblemMeaning = problemMeanings[kind]
  const mended =
    repair === undefined || (kind === 'owner_unknown' && users.refusal !== undefined)
      ? []
      : [{ text: `--repair ${kind}`, does: repair }]
  const left = [{ text: `--leave ${kind}`, does: 'leaves these rows in the old table' }]
  const columns =
    kind === 'completed_missing' && mapping.completed.length === 0
      ? options.get('completed')
      : kind === 'time_missing' && mapping.createdAt === undefined
        ? options.get('created_at')
        : kind === 'completed_contradictory'
          ? mapping.completed.map(({ column }) => ({
              text: `--column ${shellWord(`completed=${column.name}`)}`,
              does: 'believes this one',
              isGuess: true,
            }))
          : []
  const rest = isMostlyLeft ? [...left, ...mended] : [...mended, ...left]
  return [...(columns ?? []), ...rest]
}

/** The options for each kind of problem that nothing was said about. */
export function openProblems(plan: Plan, found: RowsOfPlan): Option[][] {
  const { repair, leave } = found.judgement
  return found.survey.problems
    .filter(({ kind }) => !repair.includes(kind) && !leave.includes(kind))
    .map((problem) => optionsFor(plan, found, problem))
}
