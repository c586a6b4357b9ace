/** Where letters are that have case or accents: Latin, Greek, Cyrillic, and Latin ligatures. */
const letterRanges = [
  [0x41, 0x52f],
  [0x1e00, 0x1fff],
  [0xfb00, 0xfb06],
] as const
/** Letters that Unicode does not take apart, although people type them so. */
const strokes: Record<string, string> = { Ø: 'O', Ł: 'L', Đ: 'D', Æ: 'AE', Œ: 'OE', ẞ: 'SS' }

const marks = '[\u0300-\u036f]*'

/** The letters and ligatures that fold to a text, by that text. */
let spellings: Map<string, string[]> | undefined

/**
 * A regular expression of Postgres that finds a text inside of others, as a person expects it:
 * letter case and accents do not count, and no character has a meaning of its own. It asks nothing
 * of the database's collation, and costs a tenth of folding each text there; see ADR 0070.
 */
export function searchPattern(search: string): string {
  spellings ??= readSpellings()
  const letters = Array.from(fold(search))
  const found: string[] = []
  while (letters.length > 0) {
    const ligature = [3, 2].find((length) => spellings?.has(letters.slice(0, length).join('')))
    found.push(spell(letters.splice(0, ligature ?? 1)))
  }
  // As it was sent too: what folding changes beyond these letters is found by itself. And in pieces,
  // as some systems write Hangul and kana.
  const plain = new Set([search, search.normalize('NFD')])
  const ways = [found.join(''), ...Array.from(plain, (text) => Array.from(text, toEscape).join(''))]
  return `(?:${ways.join('|')})`
}

/** These letters, in each way that ligatures can stand for some of them: `ffi` as `fﬁ`, `ﬀi`, `ﬃ`. */
function spell(letters: readonly string[]): string {
  const ways = letters.flatMap((letter, at) => {
    const first = at === 0 ? oneOf(letter) : spellings?.get(letters.slice(0, at + 1).join(''))
    return first === undefined ? [] : [anyOf(first) + marks + spell(letters.slice(at + 1))]
  })
  return ways.length > 1 ? `(?:${ways.join('|')})` : ways.join('')
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
    .replaceAll(/[ØŁĐÆŒẞ]/g, (letter) => strokes[letter] ?? letter)
}

/** The characters that fold to this one. */
function oneOf(folded: string): string[] {
  return [folded, ...(spellings?.get(folded) ?? [folded.toLowerCase()])]
}

function anyOf(characters: readonly string[]): string {
  return `[${Array.from(new Set(characters), toEscape).join('')}]`
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

/**
 * A character without another meaning in a regular expression of Postgres: only ASCII has some. By
 * their numbers, letters would take five times the memory while a search waits for a connection.
 */
function toEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const isItself = code > 0x7f || /^[A-Za-z0-9]$/.test(character)
  return isItself ? character : String.raw`\u${code.toString(16).padStart(4, '0')}`
}
