/** Whether Postgres gives text back as it got it: it refuses NUL and alters half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
