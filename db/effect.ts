import { InsertQueryNode, type OperationNode, SelectQueryNode } from 'kysely'

/** What a statement does to the data: nothing, the same however often it is sent, or more each time. */
export type Effect = 'none' | 'same again' | 'once'

/**
 * What the statement does, also in its CTEs. An insert under ids of our own that takes an existing
 * row for its success does the same again.
 */
export function effectOf(node: OperationNode): Effect {
  if (SelectQueryNode.is(node)) {
    const parts = (node.with?.expressions ?? []).map(({ expression }) => effectOf(expression))
    if (parts.includes('once')) return 'once'
    return parts.includes('same again') ? 'same again' : 'none'
  }
  return InsertQueryNode.is(node) && node.onConflict !== undefined ? 'same again' : 'once'
}
