import {
  dataRow,
  description,
  errorMessage,
  type Lie,
  type Message,
  message,
  ready,
  toBytes,
} from '#tests/database/lying-postgres'

export type Answer = readonly Message[]
type LieWith<T> = (answer: Answer, value: T, others: readonly Answer[]) => ReturnType<Lie>

/** A lie for each of these values. */
export const forEach = <T>(values: Iterable<T>, lie: LieWith<T>): Lie[] =>
  Array.from(values, (value) => (answer, others) => lie(answer, value, others))

/** The same with every message in turn. */
const atEach = (lie: LieWith<number>): Lie[] =>
  forEach(Array(12).keys(), (answer, at, others) => lie(answer, at % answer.length, others))

const firstAndMiddle = [0, 5]

export const without = (answer: Answer, at: number) => answer.toSpliced(at, 1)
export const withIn = (answer: Answer, at: number, ...more: Message[]) =>
  answer.toSpliced(at, 0, ...more)
export const instead = (answer: Answer, at: number, other: Message) =>
  answer.toSpliced(at, 1, other)
export const messageAt = (answer: Answer, at: number) => answer[at] ?? ready()
export const malformed = (answer: Answer, at: number, length: number) => {
  const bytes = toBytes(messageAt(answer, at))
  bytes.writeUInt32BE(length, 1)
  return [...answer.slice(0, at), bytes, ...answer.slice(at + 1)]
}
/** The message of this type in the last answer that another user got. */
const anothers = (answer: Answer, at: number, others: readonly Answer[]) => {
  const own = messageAt(answer, at)
  const another = others.findLast(
    (each) =>
      each.length === answer.length && !each[2]?.body.equals(answer[2]?.body ?? Buffer.of()),
  )
  const other = another?.[at]
  return other?.type === own.type ? instead(answer, at, other) : answer
}
export const lastOf = (others: readonly Answer[]) => others.at(-1) ?? []

/** What a server or a pooler can do wrong, each in every place of an answer. */
export const lies: Record<string, Lie[]> = {
  'a message is missing': atEach(without),
  'a message comes twice': atEach((answer, at) => withIn(answer, at, messageAt(answer, at))),
  'two messages are in the wrong order': atEach((answer, at) =>
    withIn(without(answer, at), at + 1, messageAt(answer, at)),
  ),
  'one ReadyForQuery too many comes': atEach((answer, at) => withIn(answer, at, ready())),
  // Once the number of the transaction is there, an error may be its own.
  'the error of somebody else comes before the answer': atEach((answer, at) =>
    withIn(
      answer,
      at % answer.findIndex(({ type }) => type === 'D'),
      ...[errorMessage('TD429', 'ERROR', 'somebody else’s'), ready()],
    ),
  ),
  'one ReadyForQuery too many comes behind an error': atEach((answer, at) => [
    ...answer.slice(0, at),
    ...[errorMessage('22012'), ready(), ready()],
  ]),
  'a message is somebody else’s': atEach(anothers),
  'the answer is somebody else’s': Array<Lie>(3).fill((_, others) => lastOf(others)),
  'the answer is followed by somebody else’s': [(answer, others) => [...answer, ...lastOf(others)]],
  'there is no answer, and the next comes': [() => []],
  'the status is another': forEach(['T', 'E', 'X', '', 'II'], (answer, status) =>
    instead(answer, answer.length - 1, ready(status)),
  ),
  'a row has other columns': forEach([0, 1, 7, 9, 30_000], (answer, count) => {
    const row = dataRow(Array(count).fill('other'))
    return answer.map((each, at) => (each.type === 'D' && at > 3 ? row : each))
  }),
  'the rows are missing, and not counted': forEach(['SELECT\0', '\0', 'x\0'], (answer, tag) =>
    answer
      .filter(({ type }, index) => type !== 'D' || index < 4)
      .map((each) => (each.type === 'C' ? message('C', tag) : each)),
  ),
  'the columns are described as others': forEach(
    [[], ['id'], ['user_id'], ['title', 'title', 'user_id']],
    (answer, names) => answer.map((each) => (each.type === 'T' ? description(names) : each)),
  ),
  'a message has no readable length': [0, 1, 3, 2 ** 31, 2 ** 32 - 1].flatMap((length) =>
    forEach(firstAndMiddle, (answer, at) => malformed(answer, at, length)),
  ),
  'a message is too short for its contents': atEach((answer, at) => {
    const { type, body } = messageAt(answer, at)
    return instead(answer, at, { type, body: body.subarray(0, Math.max(0, body.length - 1)) })
  }),
  'a message is of a kind that nobody asked for': [...'RKGHWVsctd\0\xff'].flatMap((type) =>
    forEach(firstAndMiddle, (answer, at) => withIn(answer, at, message(type, 'x'))),
  ),
  'the connection ends in the middle': atEach((answer, at) => [...answer.slice(0, at), 'reset']),
  'the answer ends at any byte': forEach(Array(16).keys(), (answer, part) => [
    Buffer.concat(answer.map(toBytes)).subarray(0, 13 * part),
    'end',
  ]),
  'there are only zeros': [() => [Buffer.alloc(64)]],
}
