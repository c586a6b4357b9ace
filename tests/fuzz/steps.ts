import fc from 'fast-check'
import type { Fields } from '#tests/fuzz/model'

/** Who acts, on which of all tasks that ever were, and under which condition. */
interface Choice {
  readonly user: number
  readonly target: number
  readonly ifMatch: 'none' | 'any' | 'current' | 'stale'
  readonly family: number
}

export type Step = Choice &
  (
    | { readonly kind: 'create'; readonly key: string | undefined; readonly fields: Fields }
    | { readonly kind: 'read' | 'delete' }
    | { readonly kind: 'update'; readonly changes: Partial<Fields>; readonly method: string }
    | { readonly kind: 'complete'; readonly completed: boolean | undefined }
    | { readonly kind: 'race'; readonly writers: number }
    | { readonly kind: 'list'; readonly completed: boolean | undefined; readonly limit: number }
  )

const title = fc.constantFrom('a', 'B', 'é', '😀', 'buy milk')
const description = fc.constantFrom(null, '', 'text')
const fields = fc.record({ title, description, completed: fc.boolean() })
const key = fc.constantFrom(undefined, undefined, 'k1', 'k2')
const flag = fc.constantFrom(undefined, true, false)

const choice = {
  user: fc.nat(2),
  target: fc.nat(20),
  ifMatch: fc.constantFrom('none', 'none', 'any', 'current', 'stale'),
  family: fc.nat(2),
} as const

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('create'), key, fields, ...choice }),
  fc.record({ kind: fc.constant('create'), key, fields, ...choice }),
  fc.record({ kind: fc.constantFrom('read', 'delete'), ...choice }),
  fc.record({
    ...{ kind: fc.constant('update'), method: fc.constantFrom('PUT', 'PATCH'), ...choice },
    changes: fc.record({ title, description, completed: fc.boolean() }, { requiredKeys: [] }),
  }),
  fc.record({ kind: fc.constant('complete'), completed: flag, ...choice }),
  fc.record({ kind: fc.constant('race'), writers: fc.integer({ min: 2, max: 3 }), ...choice }),
  fc.record({
    ...{ kind: fc.constant('list'), completed: flag, ...choice },
    limit: fc.integer({ min: 1, max: 3 }),
  }),
)

/** Histories of three users. */
export const histories = fc.array(step, { minLength: 1, maxLength: 12 })
