import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { openPostgres } from '#db/transports/postgres/postgres'
import type { TransportOptions } from '#db/transports/transport'
import { atEnd, options } from '#tests/support/databases'
import { listen } from '#tests/support/service'

/** A message of the protocol. */
export interface Message {
  readonly type: string
  readonly body: Buffer
}

/** What is written: messages, and in between the connection may end, or nothing happen. */
export type Told = readonly (Message | Buffer | 'reset' | 'end' | { readonly waitMs: number })[]

/**
 * What becomes of an answer.
 *
 * @param answer the true one, message by message, to all up to a Sync
 * @param others answers that other transactions got before
 */
export type Lie = (answer: readonly Message[], others: readonly (readonly Message[])[]) => Told

export const message = (type: string, ...parts: (string | Buffer)[]): Message => ({
  type,
  body: Buffer.concat(parts.map((part) => Buffer.from(part))),
})

export function toBytes({ type, body }: Message): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), number(4 + body.length, 4), body])
}

/** An ErrorResponse. */
export const errorMessage = (sqlState: string, severity = 'ERROR', detail = 'none') =>
  message('E', `S${severity}\0V${severity}\0C${sqlState}\0Mtold by the tests\0D${detail}\0\0`)

export const ready = (status = 'I') => message('Z', status)

function number(value: number, bytes: 2 | 4): Buffer {
  const written = Buffer.alloc(bytes)
  written.writeIntBE(value, 0, bytes)
  return written
}

const textType = 25
/** A RowDescription of these columns, all of them texts. */
export function description(columns: readonly string[]): Message {
  const described = columns.flatMap((name) => [
    ...[`${name}\0`, number(0, 4), number(0, 2), number(textType, 4)],
    ...[number(-1, 2), number(-1, 4), number(0, 2)],
  ])
  return message('T', number(columns.length, 2), ...described)
}

/** A DataRow of these values. */
export function dataRow(values: readonly (string | null)[]): Message {
  const written = values.flatMap((value) =>
    value === null ? [number(-1, 4)] : [number(Buffer.byteLength(value), 4), value],
  )
  return message('D', number(values.length, 2), ...written)
}

/** What only the user may see. */
export const secretOf = (user: string) => `the secret of ${user}`

const honest: Lie = (answer) => answer

/**
 * A server that speaks the protocol and keeps no tasks: it has two of each user, who can be told by
 * their titles. It answers the truth, but where it is told to lie. It is gone after the test.
 */
export async function startLyingPostgres() {
  const open = new Set<Socket>()
  const lies: { lie: Lie; told: () => void }[] = []
  const answers: Message[][] = []

  const server = createServer({ noDelay: true }, (socket) => {
    liar.connections += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') liar.resets += 1
    })
    // It ends where the client resets it.
    serve(socket).catch(() => socket.destroy())
  })

  async function tell(socket: Socket, told: Told): Promise<void> {
    for (const part of told) {
      if (socket.destroyed) return
      if (part === 'reset') socket.resetAndDestroy()
      else if (part === 'end') socket.end()
      else if (Buffer.isBuffer(part)) {
        // A piece of its own: the other end reads it before the next.
        socket.write(part)
        await turn()
      } else if ('waitMs' in part) await sleep(part.waitMs)
      else socket.write(toBytes(part))
    }
  }

  async function serve(socket: Socket): Promise<void> {
    const names = new Map<string, string>()
    let answer: Message[] = []
    let asked: Asked = { sql: '', parameters: [] }
    let user = ''
    let hasFailed = false

    const take = async ({ type, body }: Message) => {
      if (type === '') {
        const welcome = [message('R', number(0, 4)), message('S', 'server_version\x0018.0\0')]
        const key = message('K', number(1, 4), number(2, 4))
        await tell(socket, liar.hello([...welcome, key, ready()], []))
      } else if (type === 'S') {
        const truth = [...answer, ready()]
        answer = []
        hasFailed = false
        const next = lies.shift()
        await tell(socket, (next?.lie ?? liar.always)(truth, answers))
        answers.push(truth)
        if (answers.length > 50) answers.shift()
        next?.told()
      } else if (hasFailed) return
      else if (type === 'C') answer.push(message('3'))
      else if (type === 'P') {
        const [name = '', sql = ''] = body.toString().split('\0')
        names.set(name, sql)
        answer.push(message('1'))
      } else if (type === 'B') {
        asked = readBind(body, names)
        if (asked.sql.includes('app.user_id')) user = String(asked.parameters[1])
        answer.push(message('2'))
      } else if (type === 'D') answer.push(describe(asked))
      else if (type === 'E') {
        const messages = execute(asked, user, liar.isDirect)
        answer.push(...messages)
        hasFailed = messages[0]?.type === 'E'
      }
    }

    let rest = Buffer.alloc(0)
    // The first message has no type.
    let start = 0
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      rest = Buffer.concat([rest, chunk])
      while (socket.writable && rest.length >= start + 4) {
        const end = start + rest.readUInt32BE(start)
        if (rest.length < end) break
        const type = rest.toString('latin1', 0, start)
        const body = rest.subarray(start + 4, end)
        rest = rest.subarray(end)
        start = 1
        await take({ type, body })
      }
    }
  }

  const port = await listen(server)
  atEnd(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const liar = {
    /** Connections so far, and those that clients have reset. */
    connections: 0,
    resets: 0,
    /** Whether no pooler stands between. */
    isDirect: true,
    /** What becomes of every answer, and of what it says where a connection begins. */
    always: honest,
    hello: honest,
    /** Lies about the next answer, once. @returns when it is told */
    lieOnce: (lie: Lie) => new Promise<void>((told) => lies.push({ lie, told })),
    beHonest: () => Object.assign(liar, { always: honest, hello: honest }),
    /** Opens connections to it, which are closed after the test. */
    open(overrides: Partial<TransportOptions> = {}) {
      const url = `postgres://liar@127.0.0.1:${port}/lies`
      const transport = openPostgres({ ...options, url, ...overrides })
      atEnd(transport.close)
      return transport
    },
    /** Resets all connections. */
    reset() {
      for (const socket of open) socket.resetAndDestroy()
    },
  }
  return liar
}

interface Asked {
  readonly sql: string
  readonly parameters: readonly (string | null)[]
}

function readBind(body: Buffer, names: ReadonlyMap<string, string>): Asked {
  const portalEnd = body.indexOf(0)
  const nameEnd = body.indexOf(0, portalEnd + 1)
  const sql = names.get(body.toString('utf8', portalEnd + 1, nameEnd)) ?? ''
  let at = nameEnd + 1 + 2 + 2 * body.readInt16BE(nameEnd + 1)
  const parameters: (string | null)[] = []
  let left = body.readInt16BE(at)
  at += 2
  for (; left > 0; left -= 1) {
    const length = body.readInt32BE(at)
    at += 4
    parameters.push(length === -1 ? null : body.toString('utf8', at, at + length))
    at += Math.max(0, length)
  }
  return { sql, parameters }
}

const columns = ['id', 'user_id', 'title', 'description', 'completed', 'version']
const times = ['created_ms', 'updated_ms']
const isOnTasks = (sql: string) => sql.includes('"tasks"')

function describe({ sql }: Asked): Message {
  if (!isOnTasks(sql)) return description(['value'])
  return description([...columns, ...times, ...(sql.includes('"total"') ? ['total'] : [])])
}

/** A parameter `fails with <SQLSTATE>` has the statement fail so. */
function execute({ sql, parameters }: Asked, user: string, isDirect: boolean): Message[] {
  const [, sqlState] = /^fails with (.{5})$/m.exec(parameters.join('\n')) ?? []
  if (sqlState !== undefined) return [errorMessage(sqlState)]
  const done = message('C', 'SELECT 1\0')
  if (sql.includes('statement_timeout')) {
    return [dataRow(parameters.with(-2, isDirect ? 't' : 'f')), done]
  }
  if (!isOnTasks(sql)) return [dataRow(['1']), done]
  const row = ['id', user, secretOf(user), null, 't', '1', '0', '0']
  if (sql.includes('"total"')) row.push('2')
  const [verb = ''] = /insert|update|delete|select/.exec(sql) ?? []
  const rows = Array.from({ length: sql.includes('limit') ? 2 : 1 }, () => dataRow(row))
  const tag = `${verb.toUpperCase()} ${verb === 'insert' ? '0 ' : ''}${rows.length}\0`
  return [...rows, message('C', tag)]
}
