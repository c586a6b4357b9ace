const canonicalUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const canonicalInteger = /^(?:0|-?[1-9][0-9]*)$/

/**
 * Whether a column of this type gives the id back as it is. Postgres takes a UUID in capitals or in
 * braces too, so that one user would have several names: the statement compares UUIDs, the second
 * wall compares texts, and only one spelling passes both.
 *
 * @param type as `format_type` prints it
 */
export function canHold(type: string, userId: string): boolean {
  if (type === 'uuid') return canonicalUuid.test(userId)
  if (/^(?:small|big)?int(?:eger)?$/.test(type)) return canonicalInteger.test(userId)
  const [, limit] = /^character(?: varying)?\((\d+)\)$/.exec(type) ?? []
  if (limit === undefined) return true
  // A column of a fixed width loses the spaces at the end.
  return Array.from(userId).length <= Number(limit) && !userId.endsWith(' ')
}
