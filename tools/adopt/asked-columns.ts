import { type Target, targets } from '#tools/adopt/column-names'

/** What one `--column` says: which column of the old table fills a column of `tasks`. */
export interface AskedColumn {
  readonly target: Target
  readonly column: string
  /** The values that mean yes, for `completed` and `deleted`. */
  readonly values?: readonly string[]
  /** Whether the column's numbers count from 1970. */
  readonly isEpoch?: true
}

const flags: readonly Target[] = ['completed', 'deleted']
const times: readonly Target[] = ['created_at', 'updated_at']

/**
 * Reads `title=name`, `completed=status:done|closed` or `created_at=ts:epoch`.
 *
 * @throws Error that says what is wrong with it
 */
export function readAskedColumn(text: string): AskedColumn {
  const [, word = '', column = '', how] = /^([^=]*)=([^:]+)(?::(.+))?$/s.exec(text) ?? []
  const target = targets.find((each) => each === word)
  if (target === undefined) {
    throw new Error(
      `--column ${text}: write <column of tasks>=<column of the old table>, the first being one of ${targets.join(', ')}.`,
    )
  }
  if (how === undefined) return { target, column }
  if (times.includes(target) && how === 'epoch') return { target, column, isEpoch: true }
  if (flags.includes(target)) return { target, column, values: how.split('|') }
  throw new Error(
    `--column ${text}: after a colon come values for ${flags.join(' and ')}, or epoch for ${times.join(' and ')}.`,
  )
}
