import { expect, test } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import { findTaskRow } from '#db/tasks/tasks'
import { openNeon } from '#db/transports/neon'
import { options } from '#tests/support/databases'
import { standInHost } from '#tests/support/neon-redirect'

test('a request whose time is over when it asks Neon is told that the database is away', async () => {
  const neon = openNeon({
    ...options,
    url: `postgres://todo:todo@${standInHost(9)}/todo`,
  })
  const db = openCallerDatabase(neon, 'alice', { ...options.limits, deadlineMs: -5 })
  const found = findTaskRow(db, 'alice', crypto.randomUUID())
  await expect(found).rejects.toMatchObject({ kind: 'unavailable' })
})
