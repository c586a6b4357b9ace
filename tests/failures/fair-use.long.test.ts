import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { host } from '#tests/failures/world'
import { hold, untilSomebodyWaits } from '#tests/support/locked-tasks'
import { runSql } from '#tests/support/postgres'
import { createBy, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser, tokenFor } from '#tests/support/tokens'

test('while one user’s requests wait, others pass them, and those whose client has gone are not sent', async () => {
  await using service = await serve(host, { RATE_LIMIT: '600/60' })
  const { url, databaseUrl } = service
  const [greedy, other] = [newUser(), newUser()]
  for (const user of [greedy, other]) await createBy(url, user)
  const permits = `select from rate_limits where user_id = '${greedy}' for update`
  const release = await hold(databaseUrl, permits)
  const authorization = `Bearer ${await tokenFor(greedy)}`
  const creating = Array.from({ length: 20 }, () =>
    fetch(`${url}/api/tasks`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'Thrown away' }),
      signal: AbortSignal.timeout(400),
    }).catch(() => undefined),
  )
  await untilSomebodyWaits(databaseUrl)
  expect((await send(url, 'GET', '/api/tasks', other)).status).toBe(200)
  expect(await Promise.all(creating)).toEqual(creating.map(() => undefined))
  // Time to hear that the clients have gone.
  await sleep(300)
  await release()
  // Behind those that are thrown away: what was to be sent is sent by now.
  expect((await send(url, 'GET', '/api/tasks', greedy)).status).toBe(200)
  const waiting = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  await expect.poll(() => runSql(databaseUrl, waiting)).toEqual([])
  const created = await runSql(databaseUrl, `select from tasks where title = 'Thrown away'`)
  // What was under way already: a user's share of the shared connections, and of the lone ones.
  expect(created.length).toBeLessThanOrEqual(2 + 1)
})
