import { expect, test } from 'vitest'
import { searchPattern } from '#db/tasks/search-pattern'

test.each(['Œ', 'æ', 'ﬃ', 'ae', '.'])(
  'a hundred of %s take little memory while the search waits for a connection',
  (letters) => {
    const pattern = searchPattern(letters.repeat(100 / letters.length))
    // V8 has two bytes for a character. Two thousand searches may wait.
    expect(pattern.length * 2).toBeLessThan(32 * 1024)
  },
)
