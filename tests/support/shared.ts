import { mkdtempSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { inject } from 'vitest'
import { copySources } from '#tests/support/build'
import type { SharedName } from '#tests/support/run'
import type { Host } from '#tests/support/service'

const known = new Map<SharedName, Promise<string>>()

/** What the files of a run share, made by whoever asks first. @returns its folder or its URL */
export async function shared(name: SharedName): Promise<string> {
  const asked = known.get(name) ?? ask(name)
  known.set(name, asked)
  return await asked
}

/**
 * Not by `fetch`, which gives up a build that takes longer than five minutes. On a connection of its
 * own: one that was kept may be closed by the other end just as it is used again.
 */
async function ask(name: SharedName): Promise<string> {
  const url = new URL(encodeURIComponent(name), inject('sharedUrl'))
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(url, { agent: false }, resolve).on('error', reject).end()
  const answer = await promise
  const body = await text(answer)
  if (answer.statusCode !== 200) throw new Error(`${name} could not be made:\n${body}`)
  return body
}

/** Where a host is started: in the build of this run, a copy of the sources, or the repository. */
export async function folderOf(host: Host): Promise<string> {
  if (host === 'next') return await shared('next build')
  if (host === 'vercel') await shared('vercel build')
  if (host !== 'next dev') return '.'
  const copy = mkdtempSync(join(inject('runFolder'), 'dev-'))
  copySources(copy)
  return copy
}
