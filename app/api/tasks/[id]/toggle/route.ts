import { PATCH as complete } from '#app/api/tasks/[id]/complete/route'
import { sameAs } from '#lib/http/operation'
import { toggleTask } from '#lib/tasks/operations'

/** The same as `complete`, under the name that some frontends call it by. */
export const PATCH = sameAs(complete, toggleTask)

export { DELETE, GET, OPTIONS, POST, PUT } from '#app/api/tasks/[id]/complete/route'
