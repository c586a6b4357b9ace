import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { shared } from '#tests/support/shared'

const folders = mkdtempSync(join(tmpdir(), 'todo-pglite-'))
const sound = join(folders, 'sound')

afterAll(() => rmSync(folders, { recursive: true, force: true }))

function open(folder: string) {
  return openDatabase({ ...options, url: `pglite://${folder}` })
}

/** Takes the lock in a process of its own, forgets what it got, and holds it until its input ends. */
function contender(folder: string) {
  const program = `
    import { lockFolder } from '#db/pglite-folder'
    import { once } from 'node:events'
    const lock = () => { lockFolder(process.argv[1]) }
    try {
      lock()
      await new Promise(setImmediate)
      gc()
      console.log('open')
    } catch (error) { console.log(error.message) }
    process.stdin.resume()
    await once(process.stdin, 'end')
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', program, folder],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const said = once(child.stdout, 'data').then(([chunk]) => String(chunk).trim())
  return { pid: child.pid, said, ended: once(child, 'exit'), stop: () => child.stdin.end() }
}

test('of eight processes that open a folder at once, one does, whatever an earlier one left', async () => {
  const folder = join(folders, 'contended')
  // A process that was killed, and whose number another program has now.
  writeFileSync(`${folder}.lock`, String(process.ppid))
  const all = Array.from({ length: 8 }, () => contender(folder))
  const said = await Promise.all(all.map((each) => each.said))
  expect(said.filter((each) => each === 'open')).toHaveLength(1)
  for (const each of said) {
    if (each === 'open') continue
    expect(each).toMatch(/^The database folder .* is open in process .*: stop that process, or/)
  }
  const holder = all[said.indexOf('open')]
  const late = contender(folder)
  expect(await late.said).toContain(`is open in process ${holder?.pid},`)
  // Each ends by SIGKILL, so the one that has the lock does not give it back.
  for (const each of [...all, late]) each.stop()
  await Promise.all([...all, late].map((each) => each.ended))
  const next = contender(folder)
  expect(await next.said).toBe('open')
  next.stop()
  await next.ended
})

describe('a folder with a database', () => {
  beforeAll(async () => {
    cpSync(await shared('pglite folder'), sound, { recursive: true })
    const database = await open(sound)
    await expect(open(sound)).rejects.toThrow(`is open in process ${process.pid}`)
    await database.close()
  })

  test.each([
    [
      'of another version',
      'PG_VERSION',
      '16\n',
      /folder (.*) has data of Postgres 16, and this PGlite is Postgres \d+\. Start the version of this service that made it, .*: mv \1 \1\.old$/,
    ],
    [
      'that is damaged',
      'global/pg_control',
      '',
      /folder (.*) is damaged: it has data of Postgres \d+, .* Bring back a copy of it, .*: mv \1 \1\.old$/,
    ],
  ])(
    '%s is named, with its version and the way out, and stays as it is',
    async (_, file, content, says) => {
      const broken = join(folders, file.replaceAll('/', '-'))
      cpSync(sound, broken, { recursive: true })
      writeFileSync(join(broken, file), content)
      await expect(open(broken)).rejects.toThrow(says)
      // What was wrong is put right, and the database is there again.
      cpSync(join(sound, file), join(broken, file))
      await open(broken).then((database) => database.close())
    },
  )
})

test('a file in place of the folder is named', async () => {
  const file = join(folders, 'file')
  writeFileSync(file, '')
  await expect(open(file)).rejects.toThrow(`${file} cannot hold a database`)
})
