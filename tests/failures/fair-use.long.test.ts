import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { serve } from '#tests/failures/serve'
import { hold, untilSomebodyWaits } from '#tests/support/locked-tasks'
import { runSql } from '#tests/support/postgres'
import { createBy, send } from '#tests/support/send'
import { newUser, tokenFor } from '#tests/support/tokens'

const service = serve({ RATE_LIMIT: '600/60' })

test('while one user’s requests wait, others pass them, and those whose client has gone are not sent', async () => {
  const [greedy, other] = [newUser(), newUser()]
  await createBy(service.url, other)
  await createBy(service.url, greedy)
  const permits = `select from rate_limits where user_id = '${greedy}' for update`
  const release = await hold(service.direct, permits)
  const authorization = `Bearer ${await tokenFor(greedy)}`
  const creating = Array.from({ length: 20 }, () =>
    fetch(`${service.url}/api/tasks`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'Thrown away' }),
      signal: AbortSignal.timeout(400),
    }).catch(() => undefined),
  )
  await untilSomebodyWaits(service.direct)
  expect((await send(service.url, 'GET', '/api/tasks', other)).status).toBe(200)
  expect(await Promise.all(creating)).toEqual(creating.map(() => undefined))
  // Time to hear that the clients have gone.
  await sleep(300)
  await release()
  const waiting = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  await expect.poll(() => runSql(service.direct, waiting)).toEqual([])
  // Behind those that are thrown away: what was to be sent is sent by now.
  expect((await send(service.url, 'GET', '/api/tasks', greedy)).status).toBe(200)
  const created = `select from tasks where user_id = '${greedy}' and title = 'Thrown away'`
  // What was under way already: a user's share of the shared connections, and of the lone ones.
  expect((await runSql(service.direct, created)).length).toBeLessThanOrEqual(2 + 1)
})
