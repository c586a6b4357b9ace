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

/** A file after the change that a diff of the guide describes, each part of which must fit. */
export function patched(file: string, diff: string): string {
  const linesOf = (part: string, sign: string) =>
    part
      .split('\n')
      .filter((line) => line.startsWith(' ') || line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join('')
  return diff.split(/^@@\n/m).reduce((text, part) => {
    const before = linesOf(part, '-')
    if (!text.includes(before)) throw new Error(`The guide changes what is not there:\n${before}`)
    return text.replace(before, () => linesOf(part, '+'))
  }, file)
}
