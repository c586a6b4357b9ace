import fc from 'fast-check'
import { expect } from 'vitest'
import { testProperty } from '#tests/fuzz/runs'
import { call, createTask, type Task } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const title = fc.constantFrom('a', 'A', 'á', 'b', 'same', 'same', '😀', '1', ' z')

/** What others do between two pages. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('create'), title }),
  fc.record({ kind: fc.constant('rename'), title, target: fc.nat(9) }),
  fc.record({ kind: fc.constant('complete'), target: fc.nat(9) }),
  fc.record({ kind: fc.constant('delete'), target: fc.nat(9) }),
)

const reading = fc.record({
  stable: fc.array(title, { minLength: 1, maxLength: 8 }),
  others: fc.array(title, { minLength: 1, maxLength: 5 }),
  changes: fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 6 }),
  sort: fc.constantFrom('created', 'title'),
  order: fc.constantFrom('asc', 'desc'),
  limit: fc.integer({ min: 1, max: 5 }),
})

type Reading = typeof reading extends fc.Arbitrary<infer Value> ? Value : never

async function readAll({ stable, others, changes, sort, order, limit }: Reading): Promise<void> {
  const as = newUser()
  const untouched = new Set<string>()
  const touched: Task[] = []
  for (let i = 0; i < Math.max(stable.length, others.length); i += 1) {
    if (i < stable.length) untouched.add((await createTask(as, { title: stable[i] })).id)
    if (i < others.length) touched.push(await createTask(as, { title: others[i] }))
  }
  const seen: Task[] = []
  const rounds = changes.values()
  let path: string | undefined = `/api/tasks?sort=${sort}&order=${order}&limit=${limit}`
  while (path !== undefined) {
    const page = await call('GET', path, { as })
    seen.push(...page.json<Task[]>())
    const query: string | undefined = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1]
    path = query && `/api/tasks${query}`
    for (const made of rounds.next().value ?? []) await apply(as, made, touched)
  }
  const ids = seen.map(({ id }) => id)
  expect(ids.filter((id) => untouched.has(id)).sort()).toEqual([...untouched].sort())
  if (sort === 'created') expect(new Set(ids).size).toBe(ids.length)
}

type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never

async function apply(as: string, made: Change, touched: readonly Task[]): Promise<unknown> {
  if (made.kind === 'create') return await createTask(as, { title: made.title })
  const path = `/api/tasks/${touched[made.target % touched.length]?.id}`
  if (made.kind === 'complete') return await call('PATCH', `${path}/complete`, { as })
  if (made.kind === 'delete') return await call('DELETE', path, { as })
  return await call('PATCH', path, { as, body: { title: made.title } })
}

testProperty(
  'whatever happens between two pages, a task that nobody touches is on exactly one of them',
  20,
  reading,
  readAll,
)
