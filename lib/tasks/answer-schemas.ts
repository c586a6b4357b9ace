import * as z from 'zod'
import type { Content, ContractSettings } from '#lib/http/operation'
import {
  type CompletionField,
  completionNames,
  descriptionLimit,
  spoken,
  titleLimit,
} from '#lib/tasks/schemas'

const timestamp = { format: 'date-time', pattern: 'Z$' }

/** A task in an answer. `toTask` in `lib/tasks/answers.ts` makes it from a row. */
export interface Task {
  id: string
  user_id: string
  title: string
  description: string | null
  completed?: boolean | undefined
  is_completed?: boolean | undefined
  created_at: string
  updated_at: string
}

/** One for each setting, so that the document has it once. */
const taskSchema: Readonly<Record<CompletionField, z.ZodType<Task>>> = {
  both: makeSchema('both'),
  completed: makeSchema('completed'),
  is_completed: makeSchema('is_completed'),
}

function makeSchema(field: CompletionField): z.ZodType<Task> {
  const equal = field === 'both' ? { description: 'Always equal to `completed`.' } : {}
  const shown = { completed: z.boolean(), is_completed: z.boolean().meta(equal) }
  return z
    .object({
      id: z.uuid().meta({ pattern: undefined, description: 'Never changes.' }),
      user_id: z.string().meta({ description: 'Its owner, who made it: the `sub` of the token.' }),
      title: z.string().meta({ minLength: 1, maxLength: titleLimit }),
      description: z.string().nullable().meta({ maxLength: descriptionLimit }),
      ...spoken(shown, field),
      created_at: z.string().meta({ ...timestamp, description: 'When it was created, in UTC.' }),
      updated_at: z.string().meta({ ...timestamp, description: 'When it last changed, in UTC.' }),
    })
    .meta({ description: 'A task.' })
}

function exampleTask({ COMPLETION_FIELD }: ContractSettings): Task {
  return {
    id: '4b8f9c0e-2f5d-4a57-9c1e-6f0c8a7d1b23',
    user_id: 'mYk2vA8qJ5tWzX1cR7bN4dL9sE3fG6hP',
    title: 'Buy milk',
    description: null,
    ...completion(COMPLETION_FIELD, false),
    created_at: '2026-01-31T08:15:00.000Z',
    updated_at: '2026-01-31T08:15:00.000Z',
  }
}

function completion(field: CompletionField, value: boolean) {
  return Object.fromEntries(completionNames(field).map((name) => [name, value]))
}

/** Completion as a client writes it: under one name. */
export function writtenCompletion({ COMPLETION_FIELD }: ContractSettings, value: boolean) {
  return completion(COMPLETION_FIELD === 'both' ? 'completed' : COMPLETION_FIELD, value)
}

/** A task. */
export function body(settings: ContractSettings): Content {
  const schema = taskSchema[settings.COMPLETION_FIELD]
  return { name: 'Task', schema, example: exampleTask(settings) }
}

const count = { minimum: 0, maximum: undefined }

/** A page of tasks, wrapped as `LIST_ENVELOPE` says. */
export function taskList(settings: ContractSettings): Content {
  const { LIST_ENVELOPE: envelope, COMPLETION_FIELD } = settings
  const tasks = z.array(taskSchema[COMPLETION_FIELD])
  const meta = { description: 'A page of tasks.' }
  const example = [exampleTask(settings)]
  if (envelope === 'array') return { name: 'TaskList', schema: tasks.meta(meta), example }
  const schema = z.object({
    [envelope]: tasks,
    count: z.int().meta({ ...count, description: 'How many tasks this page has.' }),
    total: z.int().meta({ ...count, description: 'How many tasks all pages have.' }),
  })
  const wrapped = { [envelope]: example, count: 1, total: 1 }
  return { name: 'TaskList', schema: schema.meta(meta), example: wrapped }
}
