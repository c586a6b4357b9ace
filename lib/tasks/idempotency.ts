import { createHmac, randomBytes } from 'node:crypto'
import type { TaskContent } from '#db/tasks/task-row'
import { derivedKey } from '#lib/auth/secret'
import { Problem } from '#lib/http/errors'
import type { Input } from '#lib/http/operation'
import { shortHash, shortHashLength } from '#lib/tasks/short-hash'

/** The id of a task to create, and the note that is stored with it; see ADR 0031. */
export interface Creation {
  readonly id: string
  readonly creation: string | null
}

/** A key of 1 to 255 visible characters, bare or quoted. */
const keyPattern = /^(?!")[\x21-\x7e]{1,255}$|^"(?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}"$/

/** The `Idempotency-Key`, undefined if there is none. */
export const idempotencyKey: Input<string | undefined> = {
  read({ request }) {
    const header = request.headers.get('idempotency-key')
    return header === null ? undefined : readKey(header)
  },
  problems: ['malformed_header', 'idempotency_key_reused'],
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description:
        'A name of your own for this task, such as a UUID: 1 to 255 visible characters, in quotes or bare. It is remembered as long as the task exists. For instance `8e03978e-40d5-43dd-bc93-6894a57f9324`.',
      schema: { type: 'string', pattern: keyPattern.source },
    },
  ],
}

/**
 * Chooses the id of a new task. With an `Idempotency-Key` the id is derived from the user and the
 * key. The primary key of the table then lets only one of several equal requests create the task.
 */
export function planCreation(
  key: string | undefined,
  userId: string,
  content: TaskContent,
): Creation {
  if (key === undefined) return { id: crypto.randomUUID(), creation: null }
  return { id: idFor(userId, key), creation: `${digest(content)}.${nonce()}` }
}

/**
 * Whether an earlier request with the same key created the task.
 *
 * @throws Problem 422 if that request had another payload
 */
export function isReplay(planned: string | null, stored: string | null): boolean {
  // The service repeats an insert whose answer was lost, and then finds its own nonce: no replay.
  if (planned === stored) return false
  if (planned?.slice(0, shortHashLength) === stored?.slice(0, shortHashLength)) return true
  const detail = 'This Idempotency-Key has been used to create a task with other contents.'
  throw new Problem('idempotency_key_reused', detail, {
    errors: [{ header: 'Idempotency-Key', code: 'reused', detail }],
  })
}

/** The key, quoted as in the IETF draft, or bare as most clients send it. */
function readKey(header: string): string {
  if (!keyPattern.test(header)) {
    throw new Problem('malformed_header', 'Idempotency-Key must be 1 to 255 visible characters.')
  }
  return header.startsWith('"') ? header.slice(1, -1).replaceAll(/\\(.)/g, '$1') : header
}

/**
 * A UUID (RFC 9562, version 8) that only this service can derive. With a plain hash, anybody who
 * sees an id could test which key it came from.
 */
function idFor(userId: string, key: string): string {
  const hash = createHmac('sha256', derivedKey('idempotency')).update(`${userId}\0${key}`).digest()
  hash[6] = (hash.readUInt8(6) & 0x0f) | 0x80
  hash[8] = (hash.readUInt8(8) & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A digest of the stored fields. A repeated request may format its JSON in another way. */
function digest({ title, description, completed }: TaskContent): string {
  const content = JSON.stringify([title, description, completed])
  return shortHash(content)
}

function nonce(): string {
  return randomBytes(16).toString('base64url')
}
