/** Whether Postgres keeps a text as it is: it refuses NUL, and changes half a surrogate pair. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
