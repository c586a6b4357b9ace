import { expect, test } from 'vitest'
import { quoteTableName, readTableName } from '#db/table-name'

test.each([
  ['users', '"users"'],
  ['Users', '"users"'],
  ['"user"', '"user"'],
  ['"User"', '"User"'],
  ['auth."user"', '"auth"."user"'],
  ['"my schema"."my ""user"""', '"my schema"."my ""user"""'],
])('%s names the table %s, as SQL reads it', (text, quoted) => {
  const name = readTableName(text)
  expect(name && quoteTableName(name)).toBe(quoted)
})

const noNames = ['', 'a.b.c', 'users; drop table tasks', '"unclosed', 'users--', '1users', 'a b']
test.each(noNames)('%s is no table name', (text) => {
  expect(readTableName(text)).toBeUndefined()
})
