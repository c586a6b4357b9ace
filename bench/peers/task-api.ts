import { createVerifier } from 'fast-jwt'

/** What the peers in TypeScript share: the tasks' SQL, written by hand, and who calls. */
export interface TaskRow {
  readonly id: string
  readonly user_id: string
  readonly title: string
  readonly description: string | null
  readonly completed: boolean
  readonly is_completed: boolean
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** Runs a statement by its name, prepared, on one of the peer's connections. */
export type RunStatement = (
  name: keyof typeof statements,
  values: (string | number | boolean | null)[],
) => Promise<readonly TaskRow[]>

const columns = `id, user_id, title, description, completed, completed as is_completed,
  version, created_at, updated_at`

/** Rows are kept apart by `where user_id` alone; there is no second wall. */
export const statements = {
  find: `select ${columns} from tasks where user_id = $1 and id = $2`,
  list: `select ${columns} from tasks where user_id = $1 order by created_at desc, id desc limit $2`,
  insert: `insert into tasks (user_id, id, title, description, completed)
    values ($1, $2, $3, $4, $5) returning ${columns}`,
  toggle: `update tasks set completed = not completed, version = version + 1, updated_at = now()
    where user_id = $1 and id = $2 returning ${columns}`,
}

const { PORT, DATABASE_URL = '', DATABASE_POOL_SIZE, JWT_SECRET = '' } = process.env

/** Where to listen, and how many connections to open to which database. */
export const place = { hostname: '127.0.0.1', port: Number(PORT) }
export const database = { url: DATABASE_URL, max: Number(DATABASE_POOL_SIZE) }

const verify = createVerifier({
  key: JWT_SECRET,
  algorithms: ['HS256'],
  requiredClaims: ['sub', 'exp'],
  cache: 10_000,
  cacheKeyBuilder: (token) => String(token),
})

/** The user of a bearer token; undefined where it is missing or wrong. */
export function callerOf(authorization: string | null | undefined): string | undefined {
  const [, token = ''] = authorization?.split(' ') ?? []
  try {
    return verify(token).sub
  } catch {
    // Whatever is wrong with a token, it is the caller's to replace.
    return undefined
  }
}

/** Ends the process when it is told to, once what it holds is closed. */
export function endWith(close: () => Promise<unknown>): void {
  process.once('SIGTERM', async () => {
    await close()
    process.exit(0)
  })
}
