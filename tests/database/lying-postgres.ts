import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A message of the protocol. Its type is empty where the bytes are none. */
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
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body])
}

/** An ErrorResponse. */
export const errorMessage = (sqlState: string, severity = 'ERROR', detail = 'none') =>
  message('E', `S${severity}\0V${severity}\0C${sqlState}\0Mtold by the tests\0D${detail}\0\0`)

export const ready = (status = 'I') => message('Z', status)

const number16 = (value: number) => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const number32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const textType = 25
/** A RowDescription of these columns, all of them texts unless they say otherwise. */
export const description = (columns: readonly string[], type = textType) =>
  message(
    'T',
    number16(columns.length),
    ...columns.flatMap((name) => [
      ...[`${name}\0`, number32(0), number16(0), number32(type)],
      ...[number16(-1), number32(-1), number16(0)],
    ]),
  )
/** A DataRow of these values. */
export const dataRow = (values: readonly (string | null)[]) =>
  message(
    'D',
    number16(values.length),
    ...values.flatMap((value) =>
      value === null ? [number32(-1)] : [number32(Buffer.byteLength(value)), value],
    ),
  )

const columns = ['id', 'user_id', 'title', 'description', 'completed', 'version']
const times = ['created_ms', 'updated_ms']

/** What only the user may see. */
export const secretOf = (user: string) => `the secret of ${user}`

interface Asked {
  readonly sql: string
  readonly parameters: readonly (string | null)[]
}

/**
 * A server that speaks the protocol and keeps no tasks: it has two of each user, who can be told by
 * their titles. It answers the truth, but where it is told to lie.
 */
export async function startLyingPostgres() {
  const open = new Set<Socket>()
  const lies: { lie: Lie; told: () => void }[] = []
  const answers: Message[][] = []
  /** The statements that ran, with their parameters. */
  const ran: string[] = []
  let connections = 0
  let resets = 0
  let hello: (messages: readonly Message[]) => Told = (messages) => messages
  let always: Lie | undefined
  let isDirect = true

  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') resets += 1
    })
    // It ends where the client resets it.
    serve(socket).catch(() => socket.destroy())
  })

  async function tell(socket: Socket, told: Told): Promise<void> {
    for (const part of told) {
      if (socket.destroyed) return
      if (part === 'reset') socket.resetAndDestroy()
      else if (part === 'end') socket.end()
      else if (Buffer.isBuffer(part)) await written(socket, part)
      else if ('waitMs' in part) await sleep(part.waitMs)
      else socket.write(toBytes(part))
    }
  }

  /** A piece of its own: the other end reads it before the next. */
  async function written(socket: Socket, bytes: Buffer): Promise<void> {
    socket.write(bytes)
    await new Promise((resolve) => setImmediate(resolve))
  }

  async function serve(socket: Socket): Promise<void> {
    const names = new Map<string, string>()
    let rest = Buffer.alloc(0)
    let hasStarted = false
    let answer: Message[] = []
    let asked: Asked = { sql: '', parameters: [] }
    let user = ''
    let hasFailed = false

    const take = async (type: string, body: Buffer) => {
      if (type === 'S') {
        const truth = [...answer, ready()]
        answer = []
        hasFailed = false
        const next = lies.shift()
        const lie = next?.lie ?? always
        await tell(socket, lie?.(truth, answers) ?? truth)
        answers.push(truth)
        if (answers.length > 50) answers.shift()
        next?.told()
        return
      }
      if (hasFailed) return
      if (type === 'C') answer.push(message('3'))
      if (type === 'P') {
        const [name = '', sql = ''] = body.toString().split('\0')
        names.set(name, sql)
        answer.push(message('1'))
      }
      if (type === 'B') {
        asked = readBind(body, names)
        if (asked.sql.includes('app.user_id')) user = String(asked.parameters[1])
        answer.push(message('2'))
      }
      if (type === 'D') answer.push(describe(asked))
      if (type === 'E') {
        const { messages, error } = execute(asked, user, isDirect)
        answer.push(...messages)
        hasFailed = error
        if (!error) ran.push(`${asked.sql} ${asked.parameters.join()}`)
      }
    }

    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      rest = Buffer.concat([rest, chunk])
      if (!hasStarted && rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
        hasStarted = true
        rest = rest.subarray(rest.readUInt32BE(0))
        const welcome = [message('R', number32(0)), message('S', 'server_version\x0018.0\0')]
        await tell(socket, hello([...welcome, message('K', number32(1), number32(2)), ready()]))
      }
      while (
        hasStarted &&
        socket.writable &&
        rest.length >= 5 &&
        rest.length > rest.readUInt32BE(1)
      ) {
        const end = 1 + rest.readUInt32BE(1)
        const [type, body] = [rest.toString('latin1', 0, 1), rest.subarray(5, end)]
        rest = rest.subarray(end)
        await take(type, body)
      }
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `postgres://liar@127.0.0.1:${port}/lies`,
    ran,
    connections: () => connections,
    /** How many of them its clients have reset, so that nothing more of them is read. */
    resets: () => resets,
    /** Lies about the next answer, once. @returns when it is told */
    lieOnce: (lie: Lie) => new Promise<void>((told) => lies.push({ lie, told })),
    /** Lies about every answer; undefined ends that. */
    lieAlways(lie: Lie | undefined) {
      always = lie
    },
    /** Says from now on whether another backend than the one of the connection runs statements. */
    standBetween(isPooler: boolean) {
      isDirect = !isPooler
    },
    /** Lies about what it says where a connection begins. */
    lieAtHello(lie: (messages: readonly Message[]) => Told) {
      hello = lie
    },
    beHonest() {
      lies.length = 0
      always = undefined
      hello = (messages) => messages
    },
    /** Resets all connections. */
    reset() {
      for (const socket of open) socket.resetAndDestroy()
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type LyingPostgres = Awaited<ReturnType<typeof startLyingPostgres>>

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

const isOnTasks = (sql: string) => sql.includes('"tasks"')

function describe({ sql }: Asked): Message {
  if (!isOnTasks(sql)) return description(['value'])
  return description([...columns, ...times, ...(sql.includes('"total"') ? ['total'] : [])])
}

/** A parameter `fails with <SQLSTATE>` has the statement fail so. */
function execute({ sql, parameters }: Asked, user: string, isDirect: boolean) {
  const [, sqlState] = /^fails with (.{5})$/m.exec(parameters.join('\n')) ?? []
  if (sqlState !== undefined) return { messages: [errorMessage(sqlState)], error: true }
  if (sql.includes('statement_timeout')) {
    const row = dataRow(parameters.with(-2, isDirect ? 't' : 'f'))
    return { messages: [row, message('C', 'SELECT 1\0')], error: false }
  }
  if (!isOnTasks(sql)) {
    return { messages: [dataRow(['1']), message('C', 'SELECT 1\0')], error: false }
  }
  const row = ['id', user, secretOf(user), null, 't', '1', '0', '0']
  if (sql.includes('"total"')) row.push('2')
  const [verb = ''] = /insert|update|delete|select/.exec(sql) ?? []
  const rows = sql.includes('limit') ? 2 : 1
  const tag = `${verb.toUpperCase()} ${verb === 'insert' ? '0 ' : ''}${rows}\0`
  const messages = [...Array.from({ length: rows }, () => dataRow(row)), message('C', tag)]
  return { messages, error: false }
}
