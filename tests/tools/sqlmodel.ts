import { execFileSync, spawnSync } from 'node:child_process'

/** Debian's packages belong to this Python, whichever others are installed. */
const python = '/usr/bin/python3'

export const hasSqlmodel =
  spawnSync(python, ['-c', 'import sqlmodel, psycopg2'], { stdio: 'ignore' }).status === 0

export type SqlmodelShape = 'serial' | 'uuid' | 'text'

/** Makes the tables of a backend on SQLModel, and stores as many tasks. */
export function makeSqlmodelTables(url: string, shape: SqlmodelShape, tasks: number): void {
  execFileSync(python, ['tests/fixtures/sqlmodel_tables.py', url, shape, String(tasks)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
