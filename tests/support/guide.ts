import { readFileSync } from 'node:fs'

const fence = /^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$/gms

/** The block of code in `docs/frontend.md` that has this title, or this text. */
export function guideBlock(having: string): string {
  const guide = readFileSync('docs/frontend.md', 'utf8')
  for (const [, , title = '', code = ''] of guide.matchAll(fence)) {
    if (title === having || code.includes(having)) return code
  }
  throw new Error(`The guide has no code with ${having}.`)
}

/** A file after the change that a diff of a page describes, each part of which must fit in one place. */
export function patched(file: string, diff: string): string {
  const linesOf = (part: string, sign: string) =>
    part
      .split('\n')
      .filter((line) => line.startsWith(' ') || line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join('')
  return diff.split(/^@@\n/m).reduce((text, part) => {
    const before = linesOf(part, '-')
    if (text.split(before).length !== 2) throw new Error(`This is not there once:\n${before}`)
    return text.replace(before, () => linesOf(part, '+'))
  }, file)
}
