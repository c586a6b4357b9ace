import { expect } from 'vitest'
import { runSql } from '#tests/support/postgres'
import { type Answer, createAtOne, createBy, send } from '#tests/support/send'
import { newUser } from '#tests/support/tokens'

/** What a client was told, and what it was left in doubt of. */
export interface Ledger {
  readonly user: string
  readonly flipped: { readonly id: string; acknowledged: number; inDoubt: number }
  readonly titles: { readonly id: string; acknowledged: string; inDoubt: string[] }
  readonly created: Map<string, string>
  readonly doubtfulTitles: string[]
  readonly deleted: Set<string>
  readonly doubtfulDeletes: Set<string>
  readonly answers: Answer[]
}

/** Creates a user with a task to flip and one to rename. */
export async function openLedger(url: string, databaseUrl: string): Promise<Ledger> {
  const user = newUser()
  const flipped = await createAtOne(url, databaseUrl, user)
  const titled = await createBy(url, user, 'title 0')
  return {
    user,
    flipped: { id: flipped, acknowledged: 0, inDoubt: 0 },
    titles: { id: titled, acknowledged: 'title 0', inDoubt: [] },
    created: new Map(),
    doubtfulTitles: [],
    deleted: new Set(),
    doubtfulDeletes: new Set(),
    answers: [],
  }
}

/** One client that reads, creates, flips, renames and deletes until it is told to stop. */
export async function work(url: string, ledger: Ledger, isOver: () => boolean): Promise<void> {
  const { user, flipped, titles, answers } = ledger
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await send(url, method, path, user, body)
    answers.push(answer)
    return answer
  }
  for (let round = 1; !isOver(); round += 1) {
    const title = `created ${round}`
    const created = await ask('POST', '/api/tasks', { title })
    if (created.status === 201) ledger.created.set(String(created.json()['id']), title)
    else ledger.doubtfulTitles.push(title)
    if (isOver()) return

    const flip = await ask('PATCH', `/api/tasks/${flipped.id}/complete`)
    if (flip.status === 200) flipped.acknowledged += 1
    else flipped.inDoubt += 1
    if (isOver()) return

    const rename = await ask('PUT', `/api/tasks/${titles.id}`, { title: `title ${round}` })
    if (rename.status === 200) {
      titles.acknowledged = `title ${round}`
      titles.inDoubt = []
    } else titles.inDoubt.push(`title ${round}`)
    if (isOver()) return

    await ask('GET', '/api/tasks?limit=5')
    if (round % 3 === 0 && created.status === 201 && !isOver()) {
      const id = String(created.json()['id'])
      const deleted = await ask('DELETE', `/api/tasks/${id}`)
      ;(deleted.status === 204 ? ledger.deleted : ledger.doubtfulDeletes).add(id)
    }
  }
}

/** Compares what the client was told with what the database holds. */
export async function checkLedger(databaseUrl: string, ledger: Ledger): Promise<void> {
  const rows = await runSql(
    databaseUrl,
    `select id::text, title, version, completed from tasks where user_id = '${ledger.user}'`,
  )
  const byId = new Map(rows.map((row) => [row['id'], row]))
  for (const [id, title] of ledger.created) {
    if (ledger.deleted.has(id)) expect(byId.has(id), 'a deleted task came back').toBe(false)
    else if (!ledger.doubtfulDeletes.has(id)) {
      expect(byId.get(id), 'an acknowledged task is lost').toMatchObject({ title })
    }
  }
  const { flipped, titles } = ledger
  const flips = Number(byId.get(flipped.id)?.['version']) - 1
  expect(flips).toBeGreaterThanOrEqual(flipped.acknowledged)
  expect(flips).toBeLessThanOrEqual(flipped.acknowledged + flipped.inDoubt)
  expect(byId.get(flipped.id)?.['completed']).toBe(flips % 2 === 1)
  expect([titles.acknowledged, ...titles.inDoubt]).toContain(byId.get(titles.id)?.['title'])

  const made = rows
    .map((row) => String(row['title']))
    .filter((title) => title.startsWith('created'))
  expect(new Set(made).size, 'a task was created twice').toBe(made.length)
  const known = new Set([...ledger.created.values(), ...ledger.doubtfulTitles])
  expect(made.filter((title) => !known.has(title))).toEqual([])
}
