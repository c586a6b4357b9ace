import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import * as z from 'zod'
import type { Position } from '#db/tasks/list-tasks'
import { derivedKey } from '#lib/auth/secret'

/** The list that a cursor belongs to. A cursor cannot be opened for another list. */
export interface CursorScope {
  readonly userId: string
  readonly sort: string
  readonly order: string
}

const ivBytes = 12
const tagBytes = 16
const Content = z.tuple([z.iso.datetime(), z.guid(), z.string()])

/**
 * Encrypts the end of a page, for the client to send back. Titles in URLs end up in the logs of
 * proxies, so the cursor is encrypted. It is bound to its list, so a forged cursor or another
 * user's cannot be opened. The same page has the same cursor, so that its URL can be cached.
 */
export function sealCursor({ createdAt, id, title }: Position, scope: CursorScope): string {
  const content = JSON.stringify([createdAt, id, title])
  const context = contextOf(scope)
  // The IV is derived from the contents, so different contents never share one.
  const iv = createHmac('sha256', derivedKey('cursor iv'))
    .update(`${context}\0${content}`)
    .digest()
    .subarray(0, ivBytes)
  const cipher = createCipheriv('aes-256-gcm', derivedKey('cursor'), iv).setAAD(context)
  const sealed = [iv, cipher.update(content, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

/** Decrypts a cursor. @returns undefined if it is no cursor of this list */
export function openCursor(cursor: string, scope: CursorScope): Position | undefined {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length <= ivBytes + tagBytes || bytes.toString('base64url') !== cursor) return undefined
  const decipher = createDecipheriv('aes-256-gcm', derivedKey('cursor'), bytes.subarray(0, ivBytes))
    .setAAD(contextOf(scope))
    .setAuthTag(bytes.subarray(-tagBytes))
  let content = decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8')
  try {
    content += decipher.final('utf8')
  } catch {
    // The authentication tag is wrong: the cursor is forged, or of another list.
    return undefined
  }
  const [createdAt, id, title] = Content.parse(JSON.parse(content))
  return { createdAt, id, title }
}

function contextOf({ userId, sort, order }: CursorScope): Buffer {
  return Buffer.from([userId, sort, order].join('\0'))
}
