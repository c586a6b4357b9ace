import { PATCH as complete } from '#app/api/tasks/[id]/complete/route'
import { sameAs } from '#lib/http/methods'
import { toggleTask } from '#lib/tasks/operations'

/** Another name for `complete`, which some frontends use. */
export const PATCH = sameAs(complete, toggleTask)

export { DELETE, GET, OPTIONS, POST, PUT } from '#app/api/tasks/[id]/complete/route'
