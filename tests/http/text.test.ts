import { expect, test } from 'vitest'
import { naughty, unseen } from '#tests/http/naughty'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

test(`${naughty.length} naughty strings come back as they were sent, and each is found by itself`, async () => {
  const as = newUser()
  const created = await Promise.all(
    naughty.map((text) => createTask(as, { title: text, description: ` ${text}\n` })),
  )
  expect(created.map(({ title }) => title)).toEqual(naughty)
  expect(created.map(({ description }) => description)).toEqual(naughty.map((text) => ` ${text}\n`))

  const listed = new Map((await listTasks(as)).map((task) => [task.id, task]))
  for (const task of created) expect(listed.get(task.id)).toEqual(task)

  for (const text of naughty) {
    if (/^[\u0300-\u036f\s]*$/.test(text)) continue
    const search = Array.from(text).slice(0, 100).join('').trim()
    const found = await listTasks(as, `?search=${encodeURIComponent(search)}`)
    expect([text, found.map(({ title }) => title)]).toEqual([text, expect.arrayContaining([text])])
  }
})

test('a title loses the white space around it, which does not count towards its limit, and nothing else', async () => {
  const as = newUser()
  const spaces =
    '\u0009\u000A\u000B\u000C\u000D\u0020\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF'
  const title = `a ${spaces} b`.padEnd(200, 'x')
  const created = await createTask(as, { title: spaces + title + spaces })
  expect(created.title).toBe(title)
  const body = { title: spaces.repeat(20) + title.replace('a', 'c') }
  const changed = await call('PATCH', `/api/tasks/${created.id}`, { as, body })
  expect(changed.json().title).toBe(title.replace('a', 'c'))
  expect((await call('POST', '/api/tasks', { as, body: { title: spaces } })).status).toBe(422)
})

test('a title of which nothing can be seen is a 422, and beside a letter the same is kept', async () => {
  const as = newUser()
  const { id } = await createTask(as, { title: 'x' })
  for (const title of [...unseen, unseen.join('')]) {
    const refused = await call('POST', '/api/tasks', { as, body: { title } })
    expect([title, refused.status]).toEqual([title, 422])
    expect(refused.problem.errors).toMatchObject([{ pointer: '/title', code: 'too_short' }])
  }
  const body = { title: unseen.join('') }
  expect((await call('PATCH', `/api/tasks/${id}`, { as, body })).status).toBe(422)
  const title = `x${unseen.join('')}x`
  expect((await createTask(as, { title })).title).toBe(title)
})

test('limits count characters as a person does, not bytes or halves of them', async () => {
  const as = newUser()
  for (const unit of ['a', 'é', '日', '😀']) {
    const body = { title: unit.repeat(200), description: unit.repeat(1000) }
    expect(await createTask(as, body)).toMatchObject(body)
    const longer = { ...body, description: unit.repeat(1001) }
    for (const tooLong of [{ title: unit.repeat(201) }, longer]) {
      const refused = await call('POST', '/api/tasks', { as, body: tooLong })
      expect(refused.status).toBe(422)
      expect(refused.problem.errors).toMatchObject([{ code: 'too_long' }])
    }
  }
})

test('titles are sorted as a person sorts them, whatever the case and the accents', async () => {
  const as = newUser()
  const sorted = [
    ...['_list', '-list', '(list)', '1 item', '10 items', '2 items', 'a', 'A', 'äpfel', 'Äpfel'],
    ...['apple', 'Apple', 'banana', 'Banana', 'cafe', 'Cafe', 'café', 'Café', 'caffeine', 'e', 'é'],
    ...['f', 'naive', 'naïve', 'resume', 'résumé', 'straße', 'strasse b', 'zebra', 'Zebra'],
    ...['Ω', 'я', 'あ'],
  ]
  const shuffled = sorted.toSorted((one, other) => hash(one) - hash(other))
  for (const title of shuffled) await createTask(as, { title })
  const titles = async (query: string) => (await listTasks(as, query)).map(({ title }) => title)
  expect(await titles('?sort=title')).toEqual(sorted)
  expect(await titles('?sort=title&order=desc')).toEqual(sorted.toReversed())
})

/** Some order that is always the same, and neither of the two. */
function hash(text: string): number {
  return Array.from(text).reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973, 7)
}

test.each([
  ...['milk → Buy MILK', 'äpfel → apfel', 'äpfel → A\u0308PFEL', 'a\u0308pfel → Äpfelchen'],
  ...['strasse → Straße', 'straße → STRASSE', 'straße → STRAẞE', 'STRAẞE → Strasse'],
  ...['istanbul → İstanbul', 'σίσυφος → ΣΙΣΥΦΟΣ'],
  ...['елка → Ёлка', 'lodz → Łódź', 'Łódź → lodz', 'oeuvre → Œuvre', 'fine → ﬁne'],
  ...['office → The oﬃce', 'office → The ofﬁce', 'office → The oﬀice', 'が → か\u3099'],
  ...['각 → \u1100\u1161\u11a8', '\u1100\u1161\u11a8 → 각'],
  ...['が → 学校がある', '각 → 각각', '👍 → done 👍🏽', '½ → ½ litre', '™ → Todo™'],
  ...['100% → At 100% now', 'a_b → A_B', 'c:\\d → C:\\D', '(x|y)* → (X|Y)*', "o'clock → O'Clock"],
])('a search finds title and description, whatever the case and the accents: %s', async (pair) => {
  const [search = '', text = ''] = pair.split(' → ')
  const as = newUser()
  await createTask(as, { title: 'Something else', description: 'abc' })
  const inTitle = await createTask(as, { title: text })
  const inDescription = await createTask(as, { title: 'x', description: text })
  const found = await listTasks(as, `?search=${encodeURIComponent(search)}`)
  expect(found).toHaveLength(2)
  expect(found).toEqual(expect.arrayContaining([inTitle, inDescription]))
})

test.each([
  ...['% → 100 percent', '_ → a b', '\\ → /', 'a.c → abc', '[abc] → b', 'か → が'],
  ...['^ → a', '***=x → x', 'buymilk → buy milk'],
])('a search means the characters that it has, and does not find %s', async (pair) => {
  const [search = '', title = ''] = pair.split(' → ')
  const as = newUser()
  await createTask(as, { title })
  expect(await listTasks(as, `?search=${encodeURIComponent(search)}`)).toEqual([])
})
