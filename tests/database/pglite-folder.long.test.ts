import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { shared } from '#tests/support/shared'

const folders = mkdtempSync(join(inject('runFolder'), 'folders-'))
const open = (folder: string) => openDatabase({ ...options, url: `pglite://${folder}` })

/** Takes the lock in a process of its own, forgets what it got, and holds it until its input ends. */
function contender(folder: string) {
  const program = `
    import { lockFolder } from '#db/pglite-folder'
    const lock = () => { lockFolder(process.argv[1]) }
    try {
      lock()
      await new Promise(setImmediate)
      gc()
      console.log('open')
    } catch (error) { console.log(error.message) }
    process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'))`
  const parameters = ['--expose-gc', '--input-type=module', '-e', program, folder]
  const child = spawn(process.execPath, parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
  const said = once(child.stdout, 'data').then(([chunk]) => String(chunk).trim())
  const ended = once(child, 'exit')
  const end = async () => {
    child.stdin.end()
    await ended
  }
  return { pid: child.pid, said, end }
}

test('of eight processes that open a folder at once, one does, whatever an earlier one left', async () => {
  const folder = join(folders, 'contended')
  // A process that was killed, and whose number another program has now.
  writeFileSync(`${folder}.lock`, String(process.ppid))
  const all = Array.from({ length: 8 }, () => contender(folder))
  const said = await Promise.all(all.map((each) => each.said))
  const refused = said.filter((each) => each !== 'open')
  const says = /^The database folder .* is open in process .*: stop that process, or/
  expect(refused).toEqual(Array(7).fill(expect.stringMatching(says)))
  const late = contender(folder)
  expect(await late.said).toContain(`is open in process ${all[said.indexOf('open')]?.pid},`)
  // Each ends by SIGKILL, so the one that has the lock does not give it back.
  await Promise.all([...all, late].map((each) => each.end()))
  const next = contender(folder)
  expect(await next.said).toBe('open')
  await next.end()
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
])('a folder %s is named, with the way out, and stays as it is', async (_, file, content, says) => {
  const sound = await shared('pglite folder')
  const broken = join(folders, file.replaceAll('/', '-'))
  cpSync(sound, broken, { recursive: true })
  writeFileSync(join(broken, file), content)
  await expect(open(broken)).rejects.toThrow(says)
  // What was wrong is put right, and the database is there again.
  cpSync(join(sound, file), join(broken, file))
  const database = await open(broken)
  await expect(open(broken)).rejects.toThrow(`is open in process ${process.pid}`)
  await database.close()
})

test('a file in place of the folder is named', async () => {
  const file = join(folders, 'file')
  writeFileSync(file, '')
  await expect(open(file)).rejects.toThrow(`${file} cannot hold a database`)
})
