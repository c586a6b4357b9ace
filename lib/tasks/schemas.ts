import * as z from 'zod'
import { isStorable } from '#db/storable-text'
import type { TaskChanges, TaskContent } from '#db/tasks/task-row'
import type { ContractSettings } from '#lib/http/operation'

export const titleLimit = 200
export const descriptionLimit = 1000

/** Whether a text has at most `limit` code points. An emoji is one, but has two UTF-16 units. */
function fits(text: string, limit: number): boolean {
  return text.length <= limit || Array.from(text).length <= limit
}

/** Text that Postgres gives back as it was sent. */
function storableText(limit: number) {
  return z
    .string()
    .refine(isStorable, {
      error: 'must not hold a NUL character or half of a surrogate pair',
      params: { code: 'invalid_characters' },
    })
    .refine((text) => fits(text, limit), {
      error: `must have at most ${limit} characters`,
      params: { code: 'too_long' },
    })
}

/**
 * Characters that show nothing: white space, controls, the blank of Braille, and what Unicode has a
 * font ignore (`Default_Ignorable_Code_Point`), such as zero-width spaces, soft hyphens and fillers.
 * Written as ranges, because the regular expressions of many languages have no properties.
 */
const invisible = [
  ...[String.raw`\s\u0000-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5`],
  ...[String.raw`\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164`],
  ...[String.raw`\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8`],
].join('')
const hasVisible = new RegExp(String.raw`[^${invisible}\u{E0000}-\u{E0FFF}]`, 'u')

const title = z
  .string()
  .trim()
  .pipe(storableText(titleLimit))
  .refine((text) => hasVisible.test(text), {
    error: 'must have a character that can be seen',
    params: { code: 'too_short' },
  })
  .meta({
    description: 'White space around it is removed first. Counted in Unicode code points.',
    minLength: 1,
    maxLength: titleLimit,
    // It has no NUL, which Postgres cannot store, and is not blank.
    pattern: `^[^\\u0000]*[^${invisible}][^\\u0000]*$`,
    examples: ['Buy milk'],
  })
const description = storableText(descriptionLimit)
  .nullable()
  .meta({
    description: 'Null stands for none.',
    maxLength: descriptionLimit,
    pattern: '^[^\\u0000]*$',
    examples: ['Two bottles'],
  })

/** Which of the two names of completion the service speaks: `COMPLETION_FIELD`. */
export type CompletionField = ContractSettings['COMPLETION_FIELD']
type Names = 'completed' | 'is_completed'

/** The names that requests and answers have. */
export function completionNames(field: CompletionField): readonly Names[] {
  return field === 'both' ? ['completed', 'is_completed'] : [field]
}

/** Of these fields, those that the service speaks. The others are then unknown, so ignored. */
export function spoken<Fields extends Record<Names, z.ZodType>>(
  fields: Fields,
  field: CompletionField,
) {
  const own = completionNames(field).map((name) => [name, fields[name]])
  // A field that is missing may be read as undefined, as each of these allows.
  return Object.fromEntries(own) as Fields
}

/** The two names of one boolean. A frontend writes one or the other. */
const written = z.boolean().optional()
const completion = (field: CompletionField) =>
  spoken(
    {
      completed: written.meta({ description: 'Whether the task is done.' }),
      is_completed: written.meta({
        description:
          field === 'both'
            ? 'Another name for `completed`. If you send both, they must be equal.'
            : 'Whether the task is done.',
      }),
    },
    field,
  )

/** The schemas of what users write of a task. */
interface TaskSchemas {
  /** The body of a create. Unknown fields are ignored, `user_id` and `id` among them. */
  readonly newTask: z.ZodType<TaskContent>
  /** The body of an update. It has no defaults, which would reset fields that are not sent. */
  readonly taskPatch: z.ZodType<TaskChanges>
  /** The body of a completion, which may be missing. */
  readonly taskCompletion: z.ZodType<Pick<TaskChanges, 'completed'>>
}

/** The schemas with the names of completion that a setting leaves. */
export const taskSchemas: Readonly<Record<CompletionField, TaskSchemas>> = {
  both: makeSchemas('both'),
  completed: makeSchemas('completed'),
  is_completed: makeSchemas('is_completed'),
}

function makeSchemas(field: CompletionField): TaskSchemas {
  const fields = completion(field)
  return {
    newTask: z
      .object({ title, description: description.default(null), ...fields })
      .transform(mergeCompletion)
      .transform((task) => ({ ...task, completed: task.completed ?? false })),
    taskPatch: z
      .object({ title: title.optional(), description: description.optional(), ...fields })
      .transform(mergeCompletion),
    taskCompletion: z.object(fields).transform(mergeCompletion),
  }
}

interface Completion {
  completed?: boolean | undefined
  is_completed?: boolean | undefined
}

function mergeCompletion<Fields extends Completion>(
  { completed, is_completed, ...others }: Fields,
  context: z.RefinementCtx,
) {
  if (completed !== undefined && is_completed !== undefined && completed !== is_completed) {
    context.addIssue({
      code: 'custom',
      path: ['is_completed'],
      message: `must not contradict completed: is_completed is ${is_completed} and completed is ${completed}. Send one of them. For clients that send back what they read, the service has the setting COMPLETION_FIELD`,
      params: { code: 'contradiction' },
    })
  }
  return { ...others, completed: completed ?? is_completed }
}
