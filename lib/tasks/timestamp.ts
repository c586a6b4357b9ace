const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** The dates of days that were asked for, from `1970-01-01T` on; the tasks of a list have few. */
const dates = new Map<number, string>()
const rememberedDates = 10_000

const digits = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))
const twoDigits = digits.slice(0, 100).map((three) => three.slice(1))

/**
 * RFC 3339 in UTC, as `Date.prototype.toISOString` writes it, in a fifth of the time: a list of 50
 * tasks has a hundred of them.
 *
 * @param milliseconds since 1970; rounded, because a fraction of a second has no exact
 *   floating-point number
 */
export function toTimestamp(milliseconds: number): string {
  const rounded = Math.round(milliseconds)
  const day = Math.floor(rounded / dayMs)
  const time = rounded - day * dayMs
  const hour = twoDigits[Math.floor(time / hourMs)]
  const minute = twoDigits[Math.floor(time / minuteMs) % 60]
  const second = twoDigits[Math.floor(time / secondMs) % 60]
  return `${dateOf(day)}${hour}:${minute}:${second}.${digits[time % secondMs]}Z`
}

function dateOf(day: number): string {
  const known = dates.get(day)
  if (known !== undefined) return known
  const date = new Date(day * dayMs).toISOString().replace('00:00:00.000Z', '')
  if (dates.size === rememberedDates) dates.clear()
  dates.set(day, date)
  return date
}
