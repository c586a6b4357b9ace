/** Where letters are that have case or accents: Latin, Greek, Cyrillic, and Latin ligatures. */
const letterRanges = [
  [0x41, 0x52f],
  [0x1e00, 0x1fff],
  [0xfb00, 0xfb06],
] as const
/** Letters that Unicode does not take apart, although people type them without their stroke. */
const strokes: Readonly<Record<string, string>> = { Ø: 'O', Ł: 'L', Đ: 'D', Æ: 'AE', Œ: 'OE' }

const marks = String.raw`[\u0300-\u036f]*`

/** The letters and ligatures that fold to a text, by that text. */
let spellings: Map<string, string[]> | undefined

/**
 * A regular expression of Postgres that finds a text inside of others, as a person expects it:
 * letter case and accents do not count, and no character has a meaning of its own. It asks nothing
 * of the database's collation, and costs a tenth of folding each text there; see ADR 0070.
 */
export function searchPattern(search: string): string {
  spellings ??= readSpellings()
  const folded = Array.from(fold(search))
  const found: string[] = []
  for (let at = 0; at < folded.length; at += 1) {
    const letter = folded[at] ?? ''
    const next = folded[at + 1] ?? ''
    const ligatures = spellings.get(letter + next)
    if (next === '' || ligatures === undefined) found.push(oneOf(letter) + marks)
    else {
      found.push(
        `(?:${oneOf(letter)}${marks}${oneOf(next)}|[${ligatures.map(toEscape).join('')}])${marks}`,
      )
      at += 1
    }
  }
  // As it was sent too: what folding changes beyond these letters is found by itself.
  return `(?:${found.join('')}|${Array.from(search, toEscape).join('')})`
}

/** Whether something is left of a text without its accents. */
export function isSearchable(search: string): boolean {
  return fold(search).trim() !== ''
}

function fold(text: string): string {
  return text
    .toUpperCase()
    .normalize('NFD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .replaceAll(/[ØŁĐÆŒ]/g, (letter) => strokes[letter] ?? letter)
}

/** Any character that folds to this one. */
function oneOf(folded: string): string {
  const others = spellings?.get(folded) ?? [folded.toLowerCase()]
  return `[${Array.from(new Set([folded, ...others]), toEscape).join('')}]`
}

function readSpellings(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [first, last] of letterRanges) {
    for (let code = first; code <= last; code += 1) {
      const letter = String.fromCodePoint(code)
      const folded = fold(letter)
      if (folded !== letter) found.set(folded, [...(found.get(folded) ?? []), letter])
    }
  }
  return found
}

/** A character by its number, which has no other meaning in a regular expression of Postgres. */
function toEscape(character: string): string {
  return String.raw`\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`
}
