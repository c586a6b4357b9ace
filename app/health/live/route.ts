import { GET as health } from '#app/health/route'
import { sameAs } from '#lib/http/methods'
import { getLiveness } from '#lib/service/operations'

/** Another name for `/health`. */
export const GET = sameAs(health, getLiveness)

export { DELETE, OPTIONS, PATCH, POST, PUT } from '#app/health/route'
